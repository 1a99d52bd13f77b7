"""The scanners find what they are for, and say nothing about what we have."""

import gzip
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.intrinsics import broken_rules, decide
from scans.__main__ import main
from scans.findings import Finding, ScanError, read_exemptions
from scans.leaks import LOCKS, files_below, find_leaks
from scans.templates import find_faults
from scans.tools import ENVIRONMENT, ROOT, Tools
from scans.ways import WAYS, ways_of
from tests.infra.templates import refused_values

# Put together here, so that they stand in no file.
SECRETS = {
    "AWS Access Key": "AKIA" + "Z7QNRTV5" + "LSXK3HMP",
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Stripe Access Key": "sk_" + "live_" + "4eC39HqLyjWD" + "arjtT1zdp7dc",
    "GitHub Token": "ghp_" + "x7Qm2Lr9Tz4Vb8Nc1K" + "d6Wf3Hs5Jg0PaYuRe9",
    "Secret Keyword": 'password = "' + 'correct-horse-7"',
    "Base64 High Entropy String": 'key = "' + 'q8Zr2Vt5Xw1Yb4Nc7Md0Pf3Hg6Jk9LsQaUeRo+Ti"',
}

FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("CKV2_FRONTDESK_1", {"Type": "AWS::SQS::Queue", "Properties": {"SqsManagedSseEnabled": False}}),
    ("CKV_AWS_66", {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/aws/lambda/a"}}),
    ("CKV_AWS_53", {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}),
    ("S3BucketPublicReadAclRule", {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}),
    (
        "CKV_AWS_17",
        {"Type": "AWS::RDS::DBInstance", "Properties": {"Engine": "postgres", "PubliclyAccessible": True}},
    ),
    (
        "EC2SecurityGroupOpenToWorldRule",
        {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {
                "GroupDescription": "open",
                "VpcId": "vpc-1",
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "0.0.0.0/0"},
                ],
            },
        },
    ),
    (
        "WildcardResourceRule",
        {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "everywhere",
                "Roles": ["role"],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}],
                },
            },
        },
    ),
    (
        "GenericResourceFullWildcardPrincipalRule",
        {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": ["queue"],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": "sqs:SendMessage",
                            "Resource": "arn:aws:sqs:::a",
                        }
                    ],
                },
            },
        },
    ),
]

NONE = {"Ref": "AWS::NoValue"}


@pytest.fixture(scope="module")
def tools() -> Tools:
    """Beside `make`, which sets them up, they may be missing; in CI they may not."""
    if not ENVIRONMENT.exists():
        reason = f"No scanners in {ENVIRONMENT}: make check."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Tools()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / ".gitignore").write_text("__pycache__/\n*.pyc\n/.venv\n/build/\n", encoding="utf-8")
    return tmp_path


def write_template(directory: Path, **resources: dict[str, Any]) -> Path:
    file = directory / "template.json"
    file.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}), encoding="utf-8")
    return file


@pytest.mark.parametrize(("kind", "secret"), SECRETS.items(), ids=SECRETS)
def test_a_secret_is_found(tree: Path, kind: str, secret: str) -> None:
    (tree / "settings.py").write_text(f"# {'pragma: allowlist secret'}\n\nx = 1\n{secret}\n", encoding="utf-8")

    found = find_leaks(tree)

    assert Finding(kind, "settings.py", secret, 4) in found


def test_no_comment_silences_the_scanner(tree: Path) -> None:
    (tree / "settings.py").write_text(f'KEY = "{SECRETS["AWS Access Key"]}"  # pragma: allowlist secret\n')

    assert [finding.rule for finding in find_leaks(tree)] == ["AWS Access Key"]


@pytest.mark.parametrize(
    "name", ["mark.svg", "package-lock.json", "poetry.lock", "requirements-mine.txt", "data.gz", "a/requirements.txt"]
)
def test_no_name_keeps_a_file_from_being_read(tree: Path, name: str) -> None:
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text(f"{SECRETS['AWS Access Key']}\n", encoding="utf-8")

    assert [(finding.rule, finding.where) for finding in find_leaks(tree)] == [("AWS Access Key", name)]


def test_the_locks_are_those_there_are() -> None:
    assert {name for name in files_below(ROOT) if re.fullmatch(r"requirements.*\.txt", name)} == LOCKS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", SECRETS["AWS Access Key"].encode("utf-16")),
        ("notes.txt", SECRETS["AWS Access Key"].encode("utf-16-le")),
        ("notes.gz", gzip.compress(SECRETS["AWS Access Key"].encode(), mtime=0)),
        ("notes.png", SECRETS["AWS Access Key"].encode("utf-16")),
    ],
    ids=["utf-16", "utf-16 without its mark", "archive", "no picture"],
)
def test_what_cannot_be_read_is_found(tree: Path, name: str, content: bytes) -> None:
    (tree / name).write_bytes(content)

    assert find_leaks(tree) == [Finding("No UTF-8 Text", name, "", 1)]


def test_a_picture_may_be_one(tree: Path) -> None:
    (tree / "page.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\xff")

    assert find_leaks(tree) == []


def test_a_tree_without_secrets_has_none(tree: Path) -> None:
    (tree / "settings.py").write_text('STAGE = "dev"\n', encoding="utf-8")

    assert find_leaks(tree) == []


def populate(tree: Path) -> None:
    for name in ("app.py", "build/out.py", ".venv/lib.py", "a/b.pyc", "a/build/kept.py", "a/__pycache__/b.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()


def initialise(tree: Path) -> None:
    for command in (["init", "--quiet"], ["add", "app.py"]):
        subprocess.run(["git", *command], cwd=tree, check=True)


@pytest.mark.parametrize("prepare", [lambda _: None, initialise], ids=["archive", "checkout"])
def test_what_git_ignores_is_not_read(tree: Path, prepare: Callable[[Path], None]) -> None:
    """Whether git is there or not: what is not added yet is read as well."""
    populate(tree)

    prepare(tree)

    assert files_below(tree) == [".gitignore", "a/build/kept.py", "app.py"]


@pytest.fixture(scope="module")
def planted(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What `scans templates` says about a template with every fault."""
    resources = {f"Planted{number}": resource for number, (_, resource) in enumerate(FAULTS)}
    template = write_template(tmp_path_factory.mktemp("planted"), **resources)
    return CliRunner().invoke(main, ["--tools", str(tools.environment), "templates", str(template)])


@pytest.mark.parametrize(("number", "rule"), [(number, rule) for number, (rule, _) in enumerate(FAULTS)])
def test_a_fault_in_a_template_is_found(planted: Result, number: int, rule: str) -> None:
    assert f"Planted{number}  {rule}: " in planted.output


def test_faults_fail_with_what_to_do(planted: Result) -> None:
    assert planted.exit_code == 1
    assert "or say why it is right in scans/exemptions.yaml" in planted.output


@pytest.mark.parametrize("text", ["", "Resources: [", "{}"])
def test_what_is_no_template_does_not_pass(tools: Tools, tmp_path: Path, text: str) -> None:
    template = tmp_path / "template.yaml"
    template.write_text(text, encoding="utf-8")

    with pytest.raises(ScanError, match="it is no template"):
        find_faults(tools, template)


@pytest.mark.parametrize("stack", ["app", "data"])
def test_every_condition_is_true_in_one_way_and_false_in_another(stack: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(stack)
    probe = {name: {"Value": {"Fn::If": [name, True, False]}} for name in template["Conditions"]}
    probing = template | {"Resources": probe}

    ways = [decide(probing, given)["Resources"].items() for given in ways_of(template).values()]

    values = {(name, one["Value"]) for way in ways for name, one in way}
    assert values == {(name, value) for name in probe for value in (True, False)}


@pytest.mark.parametrize("stack", ["app", "data"])
def test_no_way_is_one_that_the_template_refuses(stack: str, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(stack)

    refused = {
        way: (refused_values(template, **given), broken_rules(template, given))
        for way, given in ways_of(template).items()
    }

    assert refused == dict.fromkeys(refused, ([], []))


def test_no_parameter_is_misspelt(app: dict[str, Any], data: dict[str, Any]) -> None:
    assert {name for way in WAYS.values() for name in way} <= app["Parameters"].keys() | data["Parameters"].keys()


def test_what_only_one_way_has_is_found(tools: Tools, tmp_path: Path) -> None:
    """Also where a statement of a policy is conditional, at which cfripper alone gives up."""
    (_, policy), (_, database) = FAULTS[-2], FAULTS[4]
    statements = policy["Properties"]["PolicyDocument"]
    statements = statements | {"Statement": [{"Fn::If": ["IsFiltered", one, NONE]} for one in statements["Statement"]]}
    template = {
        "Parameters": {"Waf": {"Type": "String", "Default": "false"}, "Network": {"Type": "String", "Default": ""}},
        "Conditions": {
            "IsFiltered": {"Fn::Equals": [{"Ref": "Waf"}, "true"]},
            "HasNone": {"Fn::Equals": [{"Ref": "Network"}, "none"]},
        },
        "Resources": {
            "Policy": policy | {"Properties": policy["Properties"] | {"PolicyDocument": statements}},
            "Database": database | {"Condition": "HasNone"},
        },
    }
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template), encoding="utf-8")

    found = [(fault.rule, fault.where) for fault in find_faults(tools, file)]

    assert found.count(("WildcardResourceRule", "Policy")) == found.count(("CKV_AWS_17", "Database")) == 1


def test_every_scan_has_its_exemptions() -> None:
    assert all(
        exemption.reason for scan in ("advisories", "secrets", "templates") for exemption in read_exemptions(scan)
    )
