"""docs/configuration.md has every stage, every parameter and every variable, as the code has them."""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from infra.packaging import APP_TEMPLATE, ROOT
from infra.stages import STAGES, read_stage
from infra.templates import read_template
from localcloud.layout import Endpoints
from localcloud.target import LocalTarget
from localcloud.template import PARAMETERS
from ops import stage as ops_stage

DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
NOT_DEPLOYED = {"ENVIRONMENT_FILE", "SESSIONS_STREAM_ARN"}
"""Variables that no deployed function has: for `chalice local`, and for `chalice deploy` alone."""

Row = tuple[str, ...]


def table(columns: int) -> list[Row]:
    """The rows of the table with so many columns, their code marks taken off."""
    rows = [line.strip("|").split("|") for line in DOCUMENT.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in row) for row in rows if len(row) == columns]
    return [row for row in cells if not row[1].startswith("---")][1:]


def parameters(stack: str) -> dict[str, Row]:
    return {name.strip("`"): tuple(rest) for name, of, *rest in table(6) if of == stack}


def plain(cell: str) -> str:
    return cell.strip("`")


def declared(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {"data": data["Parameters"], "app": read_template(APP_TEMPLATE)["Parameters"]}


def given_by_the_local_cloud() -> dict[str, set[str]]:
    """The parameters that a running local cloud knows, whichever they are."""
    endpoints = Endpoints("http://here", "ws://here", "http://127.0.0.1:1", "postgresql://here", "bank", "model")
    target = LocalTarget(read_stage("local"), endpoints, "key")
    return {stack: set(target.parameters(stack)) - PARAMETERS[stack].keys() for stack in ("data", "app")}


def test_every_parameter_is_there_in_the_templates_order(data: dict[str, Any]) -> None:
    for stack, found in declared(data).items():
        assert list(parameters(stack)) == list(found)


def test_defaults_are_the_templates(data: dict[str, Any]) -> None:
    for stack, found in declared(data).items():
        documented = {name: plain(default) for name, (default, *_) in parameters(stack).items()}
        assert documented == {name: str(entry.get("Default", "")) for name, entry in found.items()}


def test_what_stages_want_otherwise_is_there(data: dict[str, Any]) -> None:
    local = given_by_the_local_cloud()
    for stack in declared(data):
        on_the_local_cloud = dict(PARAMETERS[stack]) | dict.fromkeys(local[stack], "given")
        wanted = {"local": on_the_local_cloud, "prod": dict(read_stage("prod").parameters[stack])}
        rows = parameters(stack)
        for column, stage in enumerate(("local", "prod"), 1):
            documented = {name: plain(row[column]) for name, row in rows.items() if row[column]}
            assert documented == wanted[stage], (stack, stage)
        for stage in ("local", "dev"):
            assert read_stage(stage).parameters[stack] == {}, "the table has no column for it"


def test_every_stage_is_there_everywhere() -> None:
    stages = {plain(name) for name, *_ in table(3)}
    chalice = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))

    assert stages == yaml.safe_load(STAGES.read_text(encoding="utf-8")).keys()
    assert stages == chalice["stages"].keys() == set(ops_stage.STAGES)


def test_every_variable_is_there_with_its_functions(app: dict[str, Any]) -> None:
    functions: dict[str, set[str]] = {}
    everyone = set()
    for resource in app["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            name = resource["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("frontdesk-${Stage}-")
            everyone.add(name)
            for variable in resource["Properties"]["Environment"]["Variables"]:
                functions.setdefault(variable, set()).add(name)

    def who(cell: str) -> set[str]:
        return everyone if cell == "all functions" else set(re.findall(r"`(\w+)`", cell))

    documented = {plain(name): who(of) for name, of, *_ in table(6) if of not in ("data", "app")}
    assert documented == functions | {name: set() for name in NOT_DEPLOYED}


def test_the_settings_read_no_other_variable() -> None:
    """Words in capitals between quotes, but for two values and the region, which Lambda itself sets."""
    source = (ROOT / "chalicelib" / "settings.py").read_text(encoding="utf-8")
    known = {plain(name) for name, of, *_ in table(6) if of not in ("data", "app")}

    assert set(re.findall(r'"([A-Z][A-Z_]+[A-Z])"', source)) - {"INFO", "DRAFT", "AWS_REGION"} == known
