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
number: {account: 123456789012}
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
        ("test", "There is no stage test: infra/stages.yaml knows dev, number, odd, prod."),
        ("odd", "knows nothing of: colour"),
        ("number", "put it in quotes"),
    ],
)
def test_what_is_wrong_with_a_stage(file: Path, name: str, told: str) -> None:
    with pytest.raises(DeploymentError, match=told):
        read_stage(name, file)


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
