from datetime import date, timedelta
from pathlib import Path

import pytest

from scans.findings import Exemption, Finding, ScanError, judge, read_exemptions

TODAY = date(2026, 11, 21)
OPEN_QUEUE = Finding("QUEUE", "OrdersQueue", "is open to everybody")
ADVISORY = Finding("PYSEC-1", "ecdsa", "0.19; mended in no version yet", names=("CVE-1",))


def exempt(finding: Finding, exemption: Exemption) -> bool:
    return not judge([finding], [exemption], TODAY).open


def write(directory: Path, entry: str) -> Path:
    file = directory / "exemptions.yaml"
    file.write_text(f"templates:\n  - {entry}\nsecrets:\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("exemption", "covers"),
    [
        (Exemption("QUEUE", "OrdersQueue", "why"), True),
        (Exemption("QUEUE", "*Queue", "why"), True),
        (Exemption("QUEUE", "*", "why", text="open to"), True),
        (Exemption("QUEUE", "*", "why", text="unencrypted"), False),
        (Exemption("QUEUE", "Orders", "why"), False),
        (Exemption("BUCKET", "*", "why"), False),
    ],
)
def test_an_exemption_covers_a_rule_at_a_place(exemption: Exemption, covers: bool) -> None:
    assert exempt(OPEN_QUEUE, exemption) is covers


def test_an_advisory_may_be_named_by_its_alias() -> None:
    assert exempt(ADVISORY, Exemption("CVE-1", "ecdsa", "why"))


def test_an_exemption_ends_after_its_last_day() -> None:
    assert exempt(ADVISORY, Exemption("PYSEC-1", "ecdsa", "why", until=TODAY))
    assert not exempt(ADVISORY, Exemption("PYSEC-1", "ecdsa", "why", until=TODAY - timedelta(days=1)))


def test_an_exemption_that_excuses_nothing_is_told() -> None:
    used, unused = Exemption("QUEUE", "*", "why"), Exemption("BUCKET", "*", "why")

    verdict = judge([OPEN_QUEUE], [used, unused], TODAY)

    assert (verdict.open, verdict.exempt, verdict.unused) == ([], [OPEN_QUEUE], [unused])


def test_an_entry_may_name_several_places(tmp_path: Path) -> None:
    file = write(tmp_path, "{rule: QUEUE, where: [A, B], reason: why, until: 2026-11-21}")

    assert read_exemptions("templates", file) == [
        Exemption("QUEUE", "A", "why", until=TODAY),
        Exemption("QUEUE", "B", "why", until=TODAY),
    ]


def test_a_scan_may_have_no_exemption(tmp_path: Path) -> None:
    assert read_exemptions("secrets", write(tmp_path, "{rule: QUEUE, where: A, reason: why}")) == []


@pytest.mark.parametrize(
    "entry",
    [
        "{rule: QUEUE, where: A}",
        "{rule: QUEUE, where: A, reason: ''}",
        "{rule: QUEUE, reason: why}",
        "{rule: QUEUE, where: A, reason: why, resource: A}",
    ],
)
def test_every_entry_gives_a_rule_a_place_and_a_reason(tmp_path: Path, entry: str) -> None:
    with pytest.raises(ScanError, match=r"exemptions\.yaml, templates: .*has to have rule, where and reason"):
        read_exemptions("templates", write(tmp_path, entry))
