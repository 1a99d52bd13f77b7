"""The runbook: what each alarm means, where to look and what to do; no entry is missing, and none without an alarm."""

import re

import pytest
from click import Command, Context, Group

from infra.alarms import ALARMS, Alarm
from infra.dashboard import ROWS
from infra.packaging import ROOT
from infra.queries import QUERIES
from ops.cli import main as operators_commands

TEXT = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
PARTS = ("Means", "Look", "Do")


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def entries() -> dict[str, str]:
    """The entries of the runbook, by their headings, as often as they are there."""
    found = re.split(r"^### (.+)$", section("Runbook"), flags=re.MULTILINE)[1:]
    headings = found[::2]
    assert len(set(headings)) == len(headings)
    return dict(zip(headings, found[1::2], strict=True))


def parts(entry: str) -> dict[str, str]:
    """The parts of an entry, in their order."""
    found = re.split(r"^\*\*(\w+)\.\*\* ", entry, flags=re.MULTILINE)[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


def test_each_alarm_has_its_entry_and_each_entry_its_alarm() -> None:
    assert list(entries()) == [alarm.name for alarm in ALARMS]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_an_entry_says_what_it_means_where_to_look_and_what_to_do(alarm: Alarm) -> None:
    said = parts(entries()[alarm.name])

    assert tuple(said) == PARTS
    assert [part for part, text in said.items() if len(text.split()) < 4] == []


def test_what_an_entry_refers_to_is_there() -> None:
    """Alarms, saved queries and graphs of the dashboard, by their names."""
    text = section("Runbook")
    queries = {
        name for group in re.findall(r"[Qq]uer(?:y|ies) ((?:`[\w-]+`(?:, | and )?)+)", text) for name in _names(group)
    }
    graphs = {graph.title.split(",")[0].split(" (")[0] for row in ROWS for graph in row.graphs}
    anchors = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}

    assert queries - {query.name for query in QUERIES} == set()
    assert {target for target in re.findall(r"\]\(#([\w-]+)\)", TEXT) if target not in anchors} == set()
    named = {
        "At the same time",
        "Free storage",
        "Longest wait for a person",
        "Processor",
        "Processor credits",
        "Requests to the bank",
        "Units",
    }
    assert all(f"*{name}*" in text for name in named)
    assert named <= graphs


def _names(text: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", text)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


def test_the_operator_s_commands_in_it_exist() -> None:
    commands = re.findall(r"`python -m ops ([^`]+)`", section("Runbook") + section("Restoring"))

    assert commands
    assert [command for command in commands if not _exists(operators_commands, command.split())] == []


def _exists(command: Command, words: list[str]) -> bool:
    """Whether some words lead to a command; options and what follows them are passed over."""
    while isinstance(command, Group):
        while words and words[0].startswith("--"):
            words = words[2:]
        found = command.get_command(Context(command), words[0]) if words else None
        if found is None:
            return False
        command, words = found, words[1:]
    return True


def test_what_can_be_restored_is_told_of_everything_that_is_kept() -> None:
    restoring = section("Restoring")

    for what in ("sessions table", "calls table", "PostgreSQL", "queues", "bucket", "secrets"):
        assert re.search(rf"^\| {what}", restoring, re.MULTILINE), what
    for heading in ("The sessions table", "The database", "The bucket", "Secrets and parameters"):
        assert f"\n### {heading}" in restoring


def test_the_costs_are_those_of_the_alarms() -> None:
    metrics = sum(len(alarm.metrics) for alarm in ALARMS)
    (said,) = re.findall(r"(\d+) alarms on (\d+) metrics, at \$0\.10 a metric, are \$(\d+\.\d\d)", _flowing("Alarms"))

    assert said == (str(len(ALARMS)), str(metrics), f"{metrics * 0.10:.2f}")


def _flowing(title: str) -> str:
    return " ".join(section(title).split())


def test_how_many_alarms_the_local_cloud_lacks_is_said() -> None:
    words = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}
    several = sum(len(alarm.metrics) > 1 for alarm in ALARMS)

    assert f"but for the {words[several]} alarms on several metrics" in _flowing("Alarms")
