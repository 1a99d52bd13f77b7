"""The project for ``chalice deploy``: what Chalice reads from it is what the packaged template says."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from infra.chalice_deploying import ChaliceDeployment
from infra.chalice_project import SOCKETS_NOT_YET_THERE, Function, Place, Project, read_application
from infra.cli import main
from infra.errors import DeploymentError, PackagingError
from infra.folders import PROJECT, Mark
from infra.packaging import DATA_TEMPLATE, ROOT, Package
from infra.stages import Stage
from infra.templates import read_template

ACCOUNT, REGION = "123456789012", "eu-west-1"
EXPORTS = {
    output["Export"]["Name"]["Fn::Sub"].replace("${Stage}", "dev"): f"arn:aws:exported:{name}"
    for name, output in read_template(DATA_TEMPLATE)["Outputs"].items()
    if "Export" in output
}
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/frontdesk-dev-sessions/stream/2026-01-01T00:00:00.000"
PLACE = Place("dev", ACCOUNT, REGION, "aws", EXPORTS | {"frontdesk-dev-SessionsStreamArn": STREAM})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", "dev")


def functions_of(app: dict[str, Any], socket_api: str | None = "sockets1") -> dict[str, Function]:
    application = read_application(app, {"Stage": "dev"}, PLACE, socket_api)
    return {function.name: function for function in application.functions}


def test_every_function_is_there_with_its_policy(app: dict[str, Any]) -> None:
    functions = functions_of(app)

    declared = [entry for entry in app["Resources"].values() if entry["Type"] == "AWS::Serverless::Function"]
    assert len(functions) == len(declared)
    for function in functions.values():
        text = json.dumps(function.policy)
        assert '"Ref"' not in text
        assert "Fn::" not in text
        log_group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{function.deployed_name}:*"
        assert log_group in text


def test_the_door_has_the_name_that_chalice_gives_it(app: dict[str, Any]) -> None:
    functions = functions_of(app)

    assert functions["api_handler"].deployed_name == "frontdesk-dev"
    assert functions["process_webhooks"].deployed_name == "frontdesk-dev-process_webhooks"
    (statement,) = [
        entry for entry in functions["answer_messages"].policy["Statement"] if entry["Sid"] == "LookUpOrders"
    ]
    assert statement["Resource"] == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:frontdesk-dev-look_up_order"


def test_the_doors_have_their_limits(app: dict[str, Any]) -> None:
    given = {"Stage": "dev", "HttpRateLimit": "7"}
    application = read_application(app, given, PLACE, "sockets1")

    (everything,) = [setting for setting in application.method_settings if setting["ResourcePath"] == "/*"]
    assert everything["ThrottlingRateLimit"] == "7"
    assert application.binary_media_types == ["*/*"]
    assert application.route_settings.keys() == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


def test_where_sockets_are_is_known_after_the_first_deployment(app: dict[str, Any], project: Project) -> None:
    def url(socket_api: str | None) -> str:
        return functions_of(app, socket_api)["websocket_message"].variables["CONNECTIONS_URL"]

    assert project.socket_api() is None
    assert url(None) == f"https://{SOCKETS_NOT_YET_THERE}.execute-api.{REGION}.amazonaws.com/api"
    remember(project, {"name": "websocket_api", "resource_type": "websocket_api", "websocket_api_id": "abc"})
    assert url(project.socket_api()) == f"https://abc.execute-api.{REGION}.amazonaws.com/api"


def remember(project: Project, *resources: dict[str, str]) -> None:
    file = project.directory / ".chalice" / "deployed" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"resources": list(resources), "schema_version": "2.0"}))


def test_chalice_reads_what_the_template_says(packaged: Package, app: dict[str, Any], project: Project) -> None:
    """Chalice is asked for a template of its own, with nothing merged into it."""
    functions = functions_of(app)
    project.write_sources(packaged, app)
    project.write_configuration(list(functions.values()), PLACE)

    chalice = "import sys; from chalice.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", chalice, "package", "--stage", "dev", "out"]
    environment = {"AWS_DEFAULT_REGION": REGION, "PATH": os.environ["PATH"]}
    subprocess.run(command, cwd=project.directory, env=environment, check=True, capture_output=True, text=True)

    made = json.loads((project.directory / "out" / "sam.json").read_text())["Resources"]
    for logical_id, entry in app["Resources"].items():
        if entry["Type"] != "AWS::Serverless::Function":
            continue
        properties = made[logical_id]["Properties"]
        function = functions[entry["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("frontdesk-${Stage}-")]
        variables = properties["Environment"]["Variables"]
        assert variables == function.variables | {"SESSIONS_STREAM_ARN": STREAM}
        assert properties["MemorySize"] == function.properties["MemorySize"]
        assert properties["Timeout"] == int(function.properties["Timeout"])
        role, _ = properties["Role"]["Fn::GetAtt"]
        (policy,) = made[role]["Properties"]["Policies"]
        assert policy["PolicyDocument"] == function.policy
    stream = made["SummarizeSessions"]["Properties"]["Events"]["SummarizeSessionsDynamodbEventSource"]["Properties"]
    assert (stream["Stream"], stream["StartingPosition"]) == (STREAM, "TRIM_HORIZON")


def test_modules_and_dependencies_have_bytecode(project: Project, tmp_path: Path) -> None:
    whole = Package(tmp_path / "whole")
    whole.directory.mkdir()
    with zipfile.ZipFile(whole.layer, "w") as archive:
        archive.writestr("python/lib/python3.12/site-packages/requests/api.py", "")
        archive.writestr("python/lib/python3.12/site-packages/requests/__pycache__/api.cpython-312.pyc", "")

    project.write_sources(whole, {})

    assert (project.directory / "vendor" / "requests" / "__pycache__" / "api.cpython-312.pyc").exists()
    modules = list((project.directory / "chalicelib").rglob("*.py"))
    assert modules
    for module in modules:
        assert list((module.parent / "__pycache__").glob(f"{module.stem}.*.pyc")), module
    assert (project.directory / "requirements.txt").read_text() == ""


def test_a_project_is_made_anew_around_what_was_deployed(
    packaged: Package, app: dict[str, Any], project: Project
) -> None:
    remember(project, {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "r1"})
    Mark.of(PROJECT, "dev").write(project.directory)
    (project.directory / "vendor" / "old").mkdir(parents=True)
    (project.directory / "chalicelib").mkdir()
    (project.directory / "chalicelib" / "gone.py").touch()

    project.write_sources(packaged, app)

    assert project.deployed()["rest_api"]["rest_api_id"] == "r1"
    assert project.template() == app
    assert not (project.directory / "vendor").exists()
    assert not (project.directory / "chalicelib" / "gone.py").exists()
    assert (project.directory / "chalicelib" / "wiring.py").exists()
    project.write_sources(packaged, app)


def test_what_chalice_remembers_may_be_put_into_a_new_folder(
    packaged: Package, app: dict[str, Any], project: Project
) -> None:
    remember(project, {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "r1"})

    project.write_sources(packaged, app)

    assert project.deployed()["rest_api"]["rest_api_id"] == "r1"


def test_a_folder_of_somebody_else_s_is_left_alone(packaged: Package, app: dict[str, Any], project: Project) -> None:
    file = project.directory / "thesis.txt"
    file.parent.mkdir()
    file.touch()

    with pytest.raises(PackagingError, match=r"no project of ours, such as thesis\.txt"):
        project.check()
    with pytest.raises(PackagingError, match=r"no project of ours, such as thesis\.txt"):
        project.write_sources(packaged, app)

    assert list(project.directory.iterdir()) == [file]


def test_of_a_link_the_link_is_removed(
    packaged: Package, app: dict[str, Any], project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "elsewhere" / "thesis.txt"
    file.parent.mkdir()
    file.touch()
    project.write_sources(packaged, app)
    for link in ("link", "chalicelib/link", ".chalice/link"):
        (project.directory / link).symlink_to(file.parent)

    project.write_sources(packaged, app)

    assert file.exists()
    assert not [path for path in project.directory.rglob("*") if path.is_symlink()]


def test_a_linked_folder_of_chalice_s_is_refused(project: Project, tmp_path: Path) -> None:
    project.directory.mkdir()
    (project.directory / ".chalice").symlink_to(tmp_path)

    with pytest.raises(DeploymentError, match="is a link"):
        project.check()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b"3", b"null", b"\xff", b'{"resources": [3]}', b'{"resources": [{}]}']
)
def test_a_damaged_memory_is_told(project: Project, text: bytes) -> None:
    remember(project)
    (project.directory / ".chalice" / "deployed" / "dev.json").write_bytes(text)

    for read in (project.check, project.deployed, project.socket_api):
        with pytest.raises(DeploymentError, match=r"deployed/dev\.json, which cannot be read .*Bring back a copy"):
            read()


def test_nothing_is_changed_before_a_damaged_memory_is_told(project: Project, packaged: Package) -> None:
    class Untouched:
        """Has no app stack, and nothing that could change a thing."""

        stage = Stage("dev")

        class app:  # noqa: N801
            @staticmethod
            def make_ready() -> bool:
                return False

    remember(project)
    (project.directory / ".chalice" / "deployed" / "dev.json").write_text("{")

    with pytest.raises(DeploymentError, match="Bring back a copy"):
        ChaliceDeployment(cast("Any", Untouched()), project).prepare(packaged)


def test_a_damaged_project_is_told(project: Project) -> None:
    project.directory.mkdir()
    (project.directory / "template.json").write_text("{")

    with pytest.raises(DeploymentError, match="is damaged: run `python -m infra chalice prepare --stage dev` again"):
        project.template()


def test_cleaning_keeps_what_chalice_remembers() -> None:
    (recipe,) = re.findall(r"^clean:.*\n\trm -rf (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert "build" in recipe.split()
    place = CliRunner().invoke(main, ["chalice", "prepare", "--help"]).output
    assert "[default: .chalice-projects/STAGE]" in " ".join(place.split()).replace(
        "chalice- projects", "chalice-projects"
    )
    assert not any(name in (".", ".chalice-projects") for name in recipe.split())
    assert "/.chalice-projects/" in (ROOT / ".gitignore").read_text().split()


def test_without_a_project_it_is_said_how_to_make_one(project: Project) -> None:
    with pytest.raises(DeploymentError, match="python -m infra chalice prepare --stage dev"):
        project.template()


def test_in_the_repository_itself_nothing_is_deployed(tmp_path: Path) -> None:
    """Its configuration knows neither policies nor addresses: Chalice ends before it asks AWS for anything."""
    copy = tmp_path / "frontdesk"
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "deployed"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, copy)
    (copy / "requirements.txt").write_text("")
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    chalice = "import sys; from chalice.cli import main; sys.exit(main())"

    result = subprocess.run(
        [sys.executable, "-c", chalice, "deploy", "--stage", "dev"],
        cwd=copy,
        env={"AWS_DEFAULT_REGION": REGION, "PATH": os.environ["PATH"], **nobody},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode != 0
    assert "Unable to load IAM policy file" in result.stderr
    assert "made-by-python-m-infra.json" in result.stderr
