"""A shortened soak: nothing is lost, doubled or mixed up while workers and PostgreSQL are killed."""

import random
from pathlib import Path

from soak import passage
from soak.report import Report

SEED = 20_261


def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    outcome = passage.run(tmp_path / "soak", 5_000, 6, random.Random(SEED), visibility=1.0)

    assert Report(SEED, [outcome]).faults == []
    assert len(outcome.checks) == 9
    assert all(check.examined for check in outcome.checks)
    assert len(outcome.killed) == 6
    assert {killed.what.split(" (")[0] for killed in outcome.killed} >= {"PostgreSQL", "a worker"}
    assert outcome.redriven >= outcome.dead > 0
    assert "0 events lost" in Report(SEED, [outcome]).text()
