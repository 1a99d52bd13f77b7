"""CloudFormation templates, read for what is insecure in them. Both scanners bring their rules and need no network.

checkov knows services (encryption, logs, backups, databases); cfripper knows who may do what (open ports, wildcards,
principals). Neither finds what the other does: see decision 27. Neither decides conditions either (cfripper fails at a
conditional statement of a policy), so that they get each template as it is made in a few ways.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from infra.intrinsics import decide
from infra.templates import read_template
from scans.findings import Finding, ScanError
from scans.tools import Tools
from scans.ways import ways_of

CHECKS = Path(__file__).parent / "checks"
"""Rules of our own, where checkov's are mistaken: its YAML policies."""

_INVALID = 2  # cfripper's exit status for "scanned, and found something"


def find_faults(tools: Tools, template: Path) -> list[Finding]:
    """What the scanners object to in a template, YAML or JSON, before the SAM transform or without it.

    Each finding is there once, in however many ways it is found.
    """
    with tempfile.TemporaryDirectory() as temporary:
        files = list(_write_ways(template, Path(temporary)))
        try:
            found = [*_services(tools, files), *_permissions(tools, files)]
        except ScanError as error:
            raise ScanError(f"{template}: {error}") from error
    return list(dict.fromkeys(found))


def _write_ways(template: Path, directory: Path) -> Iterator[Path]:
    try:
        content = read_template(template)
    except yaml.YAMLError as error:
        raise ScanError(f"{template}: it is no template: {error}") from error
    for number, given in enumerate(ways_of(content).values()):
        file = directory / f"{number}.json"
        file.write_text(json.dumps(decide(content, given)), encoding="utf-8")
        yield file


def _services(tools: Tools, templates: Sequence[Path]) -> Iterator[Finding]:
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--soft-fail", "--skip-download"]
    own = ["--external-checks-dir", str(CHECKS)]
    report = json.loads(tools.run("checkov", *options, *own, "--file", *map(str, templates)))
    # What is no template, or cannot be parsed, has nothing wrong with it in checkov's eyes.
    if not isinstance(report, dict) or "results" not in report or report["summary"]["parsing_errors"]:
        raise ScanError("it is no template, or has nothing that checkov knows")
    for check in report["results"]["failed_checks"]:
        yield Finding(check["check_id"], _logical_id(check["resource"]), check["check_name"])


def _logical_id(resource: str) -> str:
    """checkov says `AWS::SQS::Queue.WebhookEventsQueue`."""
    return resource.rsplit(".", 1)[-1]


def _permissions(tools: Tools, templates: Sequence[Path]) -> Iterator[Finding]:
    printed = tools.run("cfripper", *map(str, templates), "--format", "json", "--logging", "ERROR", accept=[_INVALID])
    reports: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
    if len(reports) != len(templates):
        raise ScanError(f"cfripper reports on {len(reports)} of {len(templates)} ways")
    for report in reports:
        if report["exceptions"]:
            raise ScanError(f"cfripper cannot read it: {report['exceptions']}")
        for failure in report["failures"]:
            for resource in failure["resource_ids"] or ["the template"]:
                yield Finding(failure["rule"], resource, failure["reason"])
