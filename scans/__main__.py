"""``python -m scans``: what `make check` and `make audit` scan."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from infra.errors import InfraError
from infra.packaging import DATA_TEMPLATE, package
from scans.advisories import LOCKS, ask_pip_audit, audit
from scans.findings import Finding, ScanError, Verdict, judge, read_exemptions
from scans.leaks import files_below, find_leaks
from scans.templates import find_faults
from scans.tools import ENVIRONMENT, ROOT, Tools

Show = Callable[[Finding], str]

_SHOWN = 5  # of the packages without an answer, and then how many more


@click.group()
@click.option(
    "--tools",
    type=click.Path(file_okay=False, path_type=Path),
    default=ENVIRONMENT,
    help="Environment of the scanners of templates and advisories.  [default: .venv-tools]",
)
@click.pass_context
def main(context: click.Context, tools: Path) -> None:
    """Scan for secrets, insecure templates and vulnerable dependencies.

    What stands in scans/exemptions.yaml is exempt; every entry there gives its reason.
    """
    context.obj = Tools(tools)


@main.command("secrets", epilog="\b\nExample:\n  python -m scans secrets")
def scan_secrets() -> None:
    """Look for secrets in every file that git tracks or would add. Needs no network."""
    with _failures():
        click.echo(f"looking for secrets in {len(files_below(ROOT))} files …")
        verdict = _judge("secrets", find_leaks())
    # Never the line itself: this ends up in CI's logs.
    _show(verdict, lambda finding: f"{finding.where}:{finding.line}  {finding.rule}")
    _fail_for_unused(verdict)
    _fail_for_open(
        verdict,
        "What is no text cannot be read: write it in UTF-8, or leave it out. "
        "Take the secret out, and replace it wherever it is valid, since what was committed is known. "
        "If it is none, say why in scans/exemptions.yaml, under secrets.",
    )
    click.echo(f"no secrets found ({len(verdict.exempt)} findings are exempt)")


@main.command(
    "templates",
    epilog="\b\nExamples:\n  python -m scans templates\n  python -m scans templates build/dev/template.json",
)
@click.argument("templates", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def scan_templates(tools: Tools, templates: tuple[Path, ...]) -> None:
    """Look for what is insecure in the templates.

    Without TEMPLATES, in those of both stacks, packaged for prod. Needs no network.
    """
    with _failures(), tempfile.TemporaryDirectory() as temporary:
        if not templates:
            click.echo("packaging stage prod, to look for what is insecure in both stacks; this takes a moment …")
        # Dependencies are no part of a template, and would need the network.
        prod = Path(temporary) / "prod"
        scanned = templates or (DATA_TEMPLATE, package("prod", prod, dependencies=False).template)
        verdict = _judge("templates", [fault for template in scanned for fault in find_faults(tools, template)])
    _show(verdict, lambda finding: f"{finding.where}  {finding.rule}: {finding.text}")
    if not templates:  # others need not have everything that is exempt
        _fail_for_unused(verdict)
    _fail_for_open(
        verdict, "Mend the template in infra/, or say why it is right in scans/exemptions.yaml, under templates."
    )
    click.echo(f"nothing insecure found ({len(verdict.exempt)} findings are exempt)")


@main.command("advisories", epilog="\b\nExample:\n  python -m scans advisories")
@click.pass_obj
def scan_advisories(tools: Tools) -> None:
    """Ask for known vulnerabilities of what is locked.

    The package index knows them. Without its answer this says SKIPPED, and passes.
    """
    findings: list[Finding] = []
    skipped = False
    with _failures():
        for lock in LOCKS:
            click.echo(f"asking for known vulnerabilities of {lock.name} …")
            answer = audit(lock, partial(ask_pip_audit, tools))
            findings += answer.findings
            if answer.unknown:
                skipped = True
                _shout(f"SKIPPED: {lock.name} is NOT audited, at least not all of it.", answer.unknown)
        verdict = _judge("advisories", findings)
    _show(verdict, lambda found: f"{found.where} {found.text}  {', '.join([found.rule, *found.names])}")
    _fail_for_open(
        verdict,
        "Raise the version in requirements*.in and run `make lock`, or `make lock UPGRADE=name` for what we do not "
        "name there. Where that cannot be done, say why, and until when, in scans/exemptions.yaml, under advisories.",
    )
    if not skipped:
        click.echo(f"no vulnerabilities known ({len(verdict.exempt)} are exempt)")


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (ScanError, InfraError) as error:
        raise click.ClickException(str(error)) from error


def _judge(scan: str, findings: Sequence[Finding]) -> Verdict:
    return judge(findings, read_exemptions(scan), datetime.now(UTC).date())


def _show(verdict: Verdict, show: Show) -> None:
    for finding in verdict.open:
        click.echo(f"  {show(finding)}")


def _fail_for_open(verdict: Verdict, mend: str) -> None:
    if verdict.open:
        raise click.ClickException(f"{len(verdict.open)} found. {mend}")


def _fail_for_unused(verdict: Verdict) -> None:
    """A list of what once was wrong hides what will be."""
    if verdict.unused:
        unused = "".join(f"\n  {each.rule} at {each.where}: {each.reason}" for each in verdict.unused)
        more = f"\nAnd {len(verdict.open)} findings are not exempt, see above." if verdict.open else ""
        raise click.ClickException(
            f"nothing is found for these exemptions (any more, or since their date): remove them.{unused}{more}"
        )


def _shout(headline: str, unknown: Sequence[str]) -> None:
    more = [f"and {len(unknown) - _SHOWN} more"] if len(unknown) > _SHOWN else []
    answers = ", ".join([*unknown[:_SHOWN], *more])
    rule = "!" * 100
    click.secho(f"{rule}\n{headline}\nThe package index has no answer about {answers}.\n{rule}", err=True, bold=True)


if __name__ == "__main__":
    main(prog_name="python -m scans")
