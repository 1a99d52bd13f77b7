import json
from pathlib import Path

import pytest

from infra.errors import DeploymentError
from infra.packaging import APP_TEMPLATE, DATA_TEMPLATE, ROOT
from infra.stages import STACKS, Stage, read_stage
from infra.templates import read_template

STAGES = """
dev:
  account: "012345678901"
  region: eu-central-1
  data: {WebhookEventsVisibilityTimeout: 300}
  app: {PublicUrl: https://hooks.example.com, Open: true}
prod:
odd: {colour: blue}
exact: {account: 012345678901, data: {Minutes: 0400, At: 12:30:00, Open: Yes, Text: ""}, app: null}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stages.yaml"
    path.write_text(STAGES)
    return path


def test_a_stage_is_read(file: Path) -> None:
    assert read_stage("dev", file) == Stage(
        "dev",
        "012345678901",
        "eu-central-1",
        {
            "data": {"WebhookEventsVisibilityTimeout": "300"},
            "app": {"PublicUrl": "https://hooks.example.com", "Open": "true"},
        },
    )
    assert read_stage("prod", file) == Stage("prod", parameters={"data": {}, "app": {}})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("test", "There is no stage test: infra/stages.yaml knows dev, exact, odd, prod."),
        ("odd", "knows nothing of: colour"),
    ],
)
def test_what_is_wrong_with_a_stage(file: Path, name: str, told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        read_stage(name, file)


def test_values_are_taken_as_they_are_written(file: Path) -> None:
    data = {"Minutes": "0400", "At": "12:30:00", "Open": "true", "Text": ""}

    assert read_stage("exact", file) == Stage("exact", "012345678901", parameters={"data": data, "app": {}})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no stage"),
        ("# nothing", "has no stage"),
        ("3", "infra/stages.yaml has to be a mapping"),
        ("[dev]", "infra/stages.yaml has to be a mapping"),
        ("dev: {", "cannot be read: while parsing"),
        ("dev: *nothing", "cannot be read: found undefined alias"),
        ("dev: \x00", "cannot be read: unacceptable character"),
        ("dev:\n---\ndev:", "cannot be read: expected a single document"),
        ("dev: [1]", r"The stage dev has to be a mapping .* \(infra/stages.yaml, line 1\)"),
        ("dev: foo", "The stage dev has to be a mapping"),
        ("dev:\ndev:", r"infra/stages.yaml has dev twice \(infra/stages.yaml, line 2\)"),
        ("dev: {data: [1]}", "The data stack of dev has to be a mapping"),
        ("dev: {app: x}", "The app stack of dev has to be a mapping"),
        ("dev: {app: {A: 1, A: 2}}", "The app stack of dev has A twice"),
        ("dev: {app: {[A]: 1}}", "The app stack of dev has a key that is no name"),
        ("dev: {app: {Stage: prod}}", "is given Stage in infra/stages.yaml"),
        ("dev: {app: {PublicUrl: null}}", "The app stack of dev: PublicUrl has to be a text"),
        ("dev: {app: {PublicUrl: }}", "The app stack of dev: PublicUrl has to be a text"),
        ("dev: {app: {PublicUrl: [1]}}", "The app stack of dev: PublicUrl has to be a text"),
        ("dev: {app: {PublicUrl: {a: 1}}}", "The app stack of dev: PublicUrl has to be a text"),
        ("dev: {region: 3}", "The region of the stage dev has to be a region's name"),
        ("dev: {region: }", "The region of the stage dev has to be a text"),
        ("dev: {account: 12345}", "The account of the stage dev has to be twelve digits"),
        ("dev: {1: x}", "knows nothing of: 1"),
        *(
            (f"{name}: {{}}", "a stage's name is a lower-case letter")
            for name in ("a b", "../x", "PROD", "a-b", "3", "ä", "d" * 16, "''")
        ),
    ],
)
def test_what_is_no_list_of_stages(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "stages.yaml"
    file.write_text(text)

    with pytest.raises(DeploymentError, match=told):
        read_stage("dev", file)


def test_a_name_may_have_fifteen_letters(tmp_path: Path) -> None:
    file = tmp_path / "stages.yaml"
    file.write_text(f"{'d' * 15}:")

    assert read_stage("d" * 15, file).name == "d" * 15


def test_what_is_no_text_is_no_list_of_stages(tmp_path: Path) -> None:
    file = tmp_path / "stages.yaml"

    with pytest.raises(DeploymentError, match=r"infra/stages.yaml cannot be read: .*No such file"):
        read_stage("dev", file)
    file.write_bytes(b"dev: \xff")
    with pytest.raises(DeploymentError, match=r"infra/stages\.yaml cannot be read: 'utf-8'"):
        read_stage("dev", file)


def test_parameters_in_the_order_in_which_they_count() -> None:
    stage = Stage("dev", parameters={"app": {"A": "stage", "B": "stage"}})
    declared = dict.fromkeys(("Stage", "A", "B", "C", "D"))

    values = stage.parameters_for(
        "app", declared, outputs={"A": "output", "C": "output", "Arn": "x"}, given={"B": "target", "E": "target"}
    )

    assert values == {"Stage": "dev", "A": "stage", "B": "target", "C": "output"}


def test_an_unknown_parameter_is_told() -> None:
    stage = Stage("dev", parameters={"app": {"PublcUrl": "x"}})

    with pytest.raises(DeploymentError, match=r"does not declare: PublcUrl\. It declares PublicUrl\."):
        stage.parameters_for("app", {"Stage": {}, "PublicUrl": {}}, outputs={}, given={})


@pytest.mark.parametrize(("account", "region"), [("2", "eu-central-1"), ("1", "us-east-1")])
def test_a_stage_is_deployed_where_it_belongs(account: str, region: str) -> None:
    stage = Stage("prod", "1", "eu-central-1")

    stage.check_place("1", "eu-central-1")
    with pytest.raises(DeploymentError, match="The stage prod belongs to the"):
        stage.check_place(account, region)


def test_the_real_stages_fit_the_templates_and_chalice() -> None:
    names = json.loads((ROOT / ".chalice" / "config.json").read_text())["stages"]
    templates = {"data": DATA_TEMPLATE, "app": APP_TEMPLATE}

    for name in names:
        stage = read_stage(name)
        for stack in STACKS:
            stage.parameters_for(stack, read_template(templates[stack])["Parameters"], outputs={}, given={})
