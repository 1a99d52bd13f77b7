"""The doctor's look at the bank line: its function, its table, the key to the bank's API, and the bank.

Nothing is asked of the bank itself: every question of ours is about a customer, and a wrong PIN counts.
"""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import requests

from chalicelib.settings import APP_NAME
from ops.findings import Finding, Level, finding
from ops.output import counted
from ops.stage import Stage
from ops.times import utc_now

FUNCTION = "lex_codehook"
RECENT = timedelta(minutes=15)

FAILURES = ("failed", "unauthorized", "limited", "late", "unreachable", "dropped", "open")
"""The outcomes of ``BankCalls`` that say that the bank did not serve."""


def check_bank_line(stage: Stage) -> Iterator[Finding]:
    client, name = stage.client("lambda"), stage.deployed_name(FUNCTION)
    try:
        function = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        yield Finding(Level.BAD, f"function {FUNCTION}", "is not there, so nobody can call: deploy the app stack.")
        return
    states = [function.get(key, "Active") for key in ("State", "LastUpdateStatus")]
    good = states[0] == "Active" and states[1] != "Failed"
    yield finding(
        f"function {FUNCTION}", good, "can be called", f"is {states[0]}, its last update {states[1]}: deploy again."
    )
    variables = function["Environment"]["Variables"]
    yield _check_calls_table(stage)
    yield _check_key(stage, variables["BANK_API_KEY_PARAMETER"])
    yield _check_bank(stage, variables["BANK_URL"])


def _check_calls_table(stage: Stage) -> Finding:
    client, name = stage.client("dynamodb"), stage.deployed_name("calls")
    try:
        status = client.describe_table(TableName=name)["Table"]["TableStatus"]
    except client.exceptions.ResourceNotFoundException:
        return Finding(Level.BAD, "table of calls", f"{name} is not there: deploy the data stack.")
    return finding("table of calls", status == "ACTIVE", name, f"{name} is {status}: see it in DynamoDB.")


def _check_key(stage: Stage, parameter: str) -> Finding:
    """Whether the key is there. It is not read: an operator needs no leave for that."""
    wanted = [{"Key": "Name", "Option": "Equals", "Values": [parameter]}]
    found = stage.client("ssm").describe_parameters(ParameterFilters=wanted)["Parameters"]
    return finding(
        "bank's key",
        bool(found),
        f"{parameter} is there",
        f"{parameter} is not there, so every caller meets a person: put it there, as docs/deploying.md says.",
    )


def _check_bank(stage: Stage, url: str) -> Finding:
    if (urlsplit(url).hostname or "").endswith(".invalid"):
        return Finding(Level.NOTE, "bank", f"{url} is nowhere, so every caller meets a person: set BankUrl.")
    return _stand_in(url) if stage.emulator else _lately(stage, url)


def _lately(stage: Stage, url: str) -> Finding:
    """How the bank served the calls of the last minutes, by what the functions counted."""
    failed = sum(_count(stage, outcome) for outcome in FAILURES)
    served = _count(stage, "ok")
    minutes = f"in the last {RECENT.seconds // 60} minutes"
    if not failed:
        said = f"{url} answered {counted(served, 'request')}" if served else f"{url} was asked nothing"
        return Finding(Level.GOOD, "bank", f"{said} {minutes}")
    text = f"{url} failed {failed} of {counted(failed + served, 'request')} {minutes}: see {FUNCTION}'s log."
    return Finding(Level.NOTE if served else Level.BAD, "bank", text)


def _count(stage: Stage, outcome: str) -> int:
    now = utc_now()
    dimensions = {"stage": stage.name, "service": APP_NAME, "outcome": outcome}
    points = stage.client("cloudwatch").get_metric_statistics(
        Namespace="Frontdesk",
        MetricName="BankCalls",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - RECENT,
        EndTime=now,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return round(sum(float(point["Sum"]) for point in points))


def _stand_in(url: str) -> Finding:
    """The stand-in's own word, which uses up none of the faults that are set for the next requests."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(f"{url}/control", timeout=5)
            answer.raise_for_status()
        except requests.RequestException:
            again = "It may be restarting: try again in a moment. .localcloud/logs/bank.log says more."
            return Finding(Level.BAD, "bank", f"{url} does not answer. {again}")
    faults = [fault for fault in answer.json()["faults"] if fault != "normal"]
    if faults:
        undo = "`python -m localcloud bank normal` ends that."
        return Finding(Level.BAD, "bank", f"{url} is told to fail ({', '.join(faults)}): {undo}")
    return Finding(Level.GOOD, "bank", f"{url} answers, the stand-in for the bank")
