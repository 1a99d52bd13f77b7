"""The table of a run: figures beside those of the plain design, and what the source design states."""

import json
from pathlib import Path

from benchmarks.report import Row, Section, table, write_results

PLAIN = Section("cold start", [Row("api_handler", "ms", 200, 400)], ["a note"])
VARIED = Section("with and without a layer", [Row("api_handler", "ms", 200, 190)], [], "one zip")
STATED = Section("timeline", [Row("imports", "ms", 100, 250, stated=200)], [])


def test_a_section_says_what_stands_beside_its_figures() -> None:
    lines = table([PLAIN, VARIED]).splitlines()

    assert [line.split()[-5:-3] for line in lines if "Frontdesk" in line] == [["Frontdesk", "plain"], ["one", "zip"]]
    assert "stated" not in "\n".join(lines)


def test_what_is_stated_has_a_column_of_its_own_where_it_is() -> None:
    lines = table([PLAIN, STATED]).splitlines()

    assert [line.split() for line in lines if "imports" in line] == [["imports", "100", "250", "200", "ms", "0.40"]]
    assert [line.split() for line in lines if "api_handler" in line] == [["api_handler", "200", "400", "ms", "0.50"]]
    assert sum("stated" in line for line in lines) == 1


def test_what_is_stated_is_kept_beside_what_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    write_results(path, [STATED], quick=True, skipped=[])

    (row,) = json.loads(path.read_text(encoding="utf-8"))["rows"]
    assert (row["frontdesk"], row["baseline"], row["stated"], row["ratio"]) == (100, 250, 200, 0.4)
