"""The benchmarks run; their figures are no test's business."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.layout import ROOT
from tests.infra.test_package import FUNCTIONS

NONE = {"conversations: errors", "conversations: out of order"}
"""What there must be none of."""


@pytest.mark.timeout(360)  # it packages every dependency and starts three servers
def test_a_quick_run_measures_everything(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--output", str(output)]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=350)

    assert result.returncode == 0, result.stderr
    rows = json.loads(output.read_text(encoding="utf-8"))["rows"]
    sections = {row["name"].split(":")[0] for row in rows}
    assert sections == {
        "acknowledging",
        "processing",
        "end to end",
        "chat",
        "conversations",
        "voice",
        "cold start",
        "cold start, with and without a layer",
        "cold start, with and without bytecode",
        "cold start, with both and with neither",
        "timeline of a chat message",
        "size",
    }
    assert {row["name"].removeprefix("cold start: ").split()[0] for row in rows} >= set(FUNCTIONS.values())
    assert all(row["frontdesk"] > 0 for row in rows if row["name"] not in NONE)
    assert all(row["frontdesk"] == 0 for row in rows if row["name"] in NONE)
