"""CloudFormation templates, read for what is insecure in them. Both scanners bring their rules and need no network.

checkov knows services (encryption, logs, backups, databases); cfripper knows who may do what (open ports, wildcards,
principals). Neither finds what the other does: see decision 27.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scans.findings import Finding, ScanError
from scans.tools import Tools

CHECKS = Path(__file__).parent / "checks"
"""Rules of our own, where checkov's are mistaken: its YAML policies."""

_INVALID = 2  # cfripper's exit status for "scanned, and found something"


def find_faults(tools: Tools, template: Path) -> list[Finding]:
    """What the scanners object to in a template, YAML or JSON, before the SAM transform or without it."""
    return [*_services(tools, template.resolve()), *_permissions(tools, template.resolve())]


def _services(tools: Tools, template: Path) -> Iterator[Finding]:
    options = ["--framework", "cloudformation", "--output", "json", "--compact", "--soft-fail", "--skip-download"]
    own = ["--external-checks-dir", str(CHECKS)]
    report = json.loads(tools.run("checkov", *options, *own, "--file", str(template)))
    # What is no template, or cannot be parsed, has nothing wrong with it in checkov's eyes.
    if not isinstance(report, dict) or "results" not in report or report["summary"]["parsing_errors"]:
        raise ScanError(f"{template} is no template, or has nothing that checkov knows")
    for check in report["results"]["failed_checks"]:
        yield Finding(check["check_id"], _logical_id(check["resource"]), check["check_name"])


def _logical_id(resource: str) -> str:
    """checkov says `AWS::SQS::Queue.WebhookEventsQueue`."""
    return resource.rsplit(".", 1)[-1]


def _permissions(tools: Tools, template: Path) -> Iterator[Finding]:
    report: dict[str, Any] = json.loads(
        tools.run("cfripper", str(template), "--format", "json", "--logging", "ERROR", accept=[_INVALID])
    )
    if report["exceptions"]:
        raise ScanError(f"cfripper cannot read {template}: {report['exceptions']}")
    for failure in report["failures"]:
        for resource in failure["resource_ids"] or ["the template"]:
            yield Finding(failure["rule"], resource, failure["reason"])
