"""The saved queries: that they are in the query language, and ask for what the logs have.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.packaging import ROOT
from infra.queries import QUERIES, Query, lines_of, resources

COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
FUNCTIONS = {"count", "sum", "max", "pct", "latest", "bin", "ispresent"}
WORDS = {"as", "by", "asc", "desc", "in", "like", "and", "or"}

DISCOVERED = {"@timestamp", "@message", "@log", "@logStream"}
REPORTED = {"@type", "@initDuration", "@billedDuration", "@memorySize", "@maxMemoryUsed"}
"""What Logs Insights finds in every line, and in the report that Lambda writes of each invocation."""

LOGGED_ALWAYS = {"level", "message", "exception", "exception_name", "correlation_id", "session_id"}
"""Powertools' own keys, and those that are appended to every line of a run."""


def calls() -> Iterator[ast.Call]:
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def logged() -> tuple[set[str], set[str]]:
    """The texts and the keys of all lines that the code logs."""
    messages, keys = set(), set[str]()
    for call in calls():
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in ("info", "warning", "error", "exception", "log"):
            messages |= {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
            keys |= {str(keyword.arg) for keyword in call.keywords}
    return {str(message) for message in messages}, keys


def emitted() -> set[str]:
    """Names of metrics and their dimensions, which are fields of the lines that carry them."""
    found = set[str]()
    for call in calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in ("count", "gauge", "emit"):
            found |= {str(keyword.arg) for keyword in call.keywords}
            found |= {
                node.value for node in ast.walk(call) if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
    return found


def plain(query: Query) -> str:
    """A query without its texts and patterns."""
    return re.sub(r'"[^"]*"|/[A-Z][^/]*/', "''", lines_of(query))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_is_in_the_language(query: Query) -> None:
    text = plain(query)

    assert text.count("(") == text.count(")")
    assert '"' not in text
    for command in text.split("|"):
        assert command.split()[0] in COMMANDS
    assert set(re.findall(r"(\w+)\(", text)) <= FUNCTIONS
    assert re.search(r"\|\s*limit|stats|sort @timestamp|sort \S+ desc", text)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_asks_for_fields_that_the_logs_have(query: Query) -> None:
    text = plain(query)
    names = set(re.findall(r"as (\w+)", text))  # made by the query itself
    used = set(re.findall(r"@?[A-Za-z_]\w*(?:\.\w+)*", re.sub(r"\w+\(|\b\d+m\b|''", " ", text)))
    fields = used - names - WORDS - COMMANDS - DISCOVERED - REPORTED
    known = logged()[1] | LOGGED_ALWAYS | emitted()

    assert {field for field in fields if field.split(".")[0] not in known} == set()
    for field in fields:
        if "." in field:  # an item of a list: of the events of a batch, a place, or the values of a metric
            assert re.fullmatch(r"events\.0\.(source|event_id|detail)|place\.3|[A-Z]\w+Time\.0", field)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_each_looks_for_lines_that_are_written(query: Query) -> None:
    text = lines_of(query)
    wanted = set(re.findall(r'message = "([^"]+)"', text))
    for several in re.findall(r"message in \[([^\]]+)\]", text):
        wanted |= set(re.findall(r'"([^"]+)"', several))
    written = logged()[0] | {"webhooks parked"}  # made of the outcome's name

    assert wanted - written == set()


def test_the_outcome_that_a_query_names_is_one() -> None:
    source = (ROOT / "chalicelib" / "webhooks" / "processing.py").read_text(encoding="utf-8")

    assert 'log(f"webhooks {outcome}", events=those)' in source


def test_each_asks_log_groups_that_are_there(app: dict[str, Any]) -> None:
    everything = app["Resources"].values()
    groups = {
        one["Properties"]["LogGroupName"]["Fn::Sub"] for one in everything if one["Type"] == "AWS::Logs::LogGroup"
    }

    for query in resources().values():
        assert {group["Fn::Sub"] for group in query["Properties"]["LogGroupNames"]} <= groups
    assert {
        one["Properties"]["Name"]["Fn::Sub"] for one in everything if one["Type"] == "AWS::Logs::QueryDefinition"
    } == {f"frontdesk-${{Stage}}/{query.name}" for query in QUERIES}


def test_each_is_documented() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    table = text.split("## Saved queries")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) == {query.name for query in QUERIES}
