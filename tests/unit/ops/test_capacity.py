"""The figures of a load: what they must be whatever the load, and how the command takes its numbers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ops.capacity import prices
from ops.capacity.consumption import MESSAGE
from ops.capacity.costs import costs, provisioned
from ops.capacity.demand import Demand, Load, Units
from ops.capacity.formula import Formula
from ops.capacity.limits import limits
from ops.cli import main

RATES = st.floats(0, 1_000_000)
LOADS = st.builds(Load, RATES, RATES, RATES)
EXAMPLE = ["--webhooks-per-second", "50", "--messages-per-second", "20", "--calls-per-hour", "300"]


def figures(load: Load) -> Sequence[tuple[str, float]]:
    """Everything that is told of a load."""
    demand = Demand(load)
    return [
        *((f"{table.table} {unit}", getattr(table, unit)) for table in demand.tables for unit in ("reads", "writes")),
        *((f"{table.table} provisioned", sum(table.provisioned)) for table in demand.tables),
        *((function.name, function.at_once) for function in demand.functions),
        *((limit.name, limit.used) for limit in limits(demand)),
        *((f"{line.service} {line.what}", line.dollars) for line in costs(demand)),
        ("provisioned", provisioned(demand.tables)),
        ("logs", demand.log_bytes),
        ("sockets", demand.sockets),
    ]


@given(LOADS, st.sampled_from(["webhooks_per_second", "messages_per_second", "calls_per_hour"]), RATES)
def test_more_load_takes_no_less_of_anything(load: Load, name: str, more: float) -> None:
    heavier = Load(**{**vars(load), name: getattr(load, name) + more})

    before, after = dict(figures(load)), dict(figures(heavier))

    assert set(before) == set(after)
    assert {figure for figure, value in before.items() if after[figure] < value * (1 - 1e-12)} == set()


@given(LOADS)
def test_no_line_costs_less_than_without_load(load: Load) -> None:
    assert all(line.dollars >= line.standing >= 0 for line in costs(Demand(load)))


@given(LOADS)
def test_limits_come_in_the_order_in_which_they_are_met(load: Load) -> None:
    found = limits(Demand(load))

    times = [limit.times for limit in found if limit.times is not None]
    assert times == sorted(times)
    assert all((limit.times is not None and limit.times < 1) for limit in found if limit.is_exceeded)


def test_without_load_only_what_stands_is_paid() -> None:
    lines = costs(Demand(Load(0, 0, 0)))

    assert [line for line in lines if line.dollars != line.standing] == []
    paid = {(line.service, line.what) for line in lines if line.dollars >= 0.5}
    assert paid == {
        ("SQS", "requests, polls of empty queues"),
        ("RDS", "db.t4g.micro"),
        ("RDS", "storage after 400 days"),
        ("CloudWatch", "alarms, dashboard"),
        ("CloudWatch", "custom metrics"),
        ("Secrets Manager", "secrets"),
    }
    assert all(limit.times is None for limit in limits(Demand(Load(0, 0, 0))))


def test_a_bill_by_hand() -> None:
    """One message a second, for the lines that nothing else adds to."""
    lines = {(line.service, line.what): line.dollars for line in costs(Demand(Load(0, 1, 0)))}

    tokens_in = 1_356 + 0.3 * 2_305 + 1_153 / 5
    assert lines["Bedrock", "tokens in"] == pytest.approx(tokens_in * 2_628_000 * 1.10 / 1e6)
    assert lines["API Gateway", "socket minutes"] == pytest.approx(0.1 * 600 * 43_800 * 0.25 / 1e6)
    assert lines["SQS", "requests, polls of empty queues"] == pytest.approx(2_628_000 * (3 * 0.50 + 0.75 * 0.40) / 1e6)


def test_a_call_takes_only_its_own_table_and_function() -> None:
    demand = Demand(Load(0, 0, 3_600))

    assert [(table.table, table.writes) for table in demand.tables] == [("sessions", 0), ("calls", 6)]
    assert demand.function("lex_codehook").at_once == 3.5


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_what_is_no_load_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="calls per hour must be a number from 0"):
        Load(0, 0, value)


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e9", "many"])
def test_the_command_says_what_it_takes(value: str) -> None:
    result = CliRunner().invoke(main, ["capacity", "--webhooks-per-second", value])

    assert result.exit_code == 2
    assert "--webhooks-per-second" in result.stderr
    assert "is not a number from 0 to 1000000." in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_load_it_says_how_to_give_one() -> None:
    assert "--webhooks-per-second 50" in CliRunner().invoke(main, ["capacity"]).stdout


def test_it_needs_neither_aws_nor_a_stage() -> None:
    nowhere = {"AWS_CONFIG_FILE": "/nowhere", "AWS_DEFAULT_REGION": None, "HOME": "/nowhere"}

    result = CliRunner().invoke(main, ["--stage", "prod", "capacity", *EXAMPLE], env=nowhere)

    assert (result.exit_code, result.stderr) == (0, "")


def test_programs_get_the_same_as_people() -> None:
    document = json.loads(CliRunner().invoke(main, ["capacity", *EXAMPLE, "--json"]).stdout)
    shown = CliRunner().invoke(main, ["capacity", *EXAMPLE]).stdout

    assert document["load"] == {"webhooks_per_second": 50, "messages_per_second": 20, "calls_per_hour": 300}
    assert document["dollars_per_month"] == pytest.approx(sum(line["dollars"] for line in document["costs"]))
    assert f"{document['dollars_per_month']:,.2f}" in shown
    assert document["limits"][0]["name"] == document["first_limit"]
    assert all(limit["name"] in shown for limit in document["limits"])
    assert prices.AS_OF in shown


def test_too_much_is_said_loudly() -> None:
    much = CliRunner().invoke(main, ["capacity", "--messages-per-second", "20"], color=True).stdout
    little = CliRunner().invoke(main, ["capacity", "--messages-per-second", "0.001"], color=True).stdout

    assert "\x1b[31m\x1b[1m✗ This load exceeds" in much
    assert "TOO MUCH" in much
    assert "✗" not in little
    assert "First to be met: model: tokens a day" in little


@pytest.mark.parametrize("option", ["--webhooks-per-second", "--messages-per-second", "--calls-per-hour"])
def test_next_to_nothing_is_no_load(option: str) -> None:
    refused = CliRunner().invoke(main, ["capacity", option, "5e-324"])
    least = CliRunner().invoke(main, ["capacity", option, "0.000001"])

    assert refused.exit_code == 2
    assert "5e-324 is too little to count: take 0, or 0.000001 or more." in refused.stderr
    assert least.exit_code == 0
    assert " inf " not in least.stdout


def test_nothing_has_no_sign() -> None:
    shown = CliRunner().invoke(main, ["capacity", "--webhooks-per-second", "-0.0"])

    assert shown.exit_code == 0
    assert shown.stdout.startswith("0 webhooks/s, 0 messages/s")


def test_the_source_design_plans_what_it_says() -> None:
    """Its own example: 1,000 messages a second, and a fifth on top where units are provisioned."""
    formula = Formula(1_000)

    assert (formula.reads, formula.writes) == (2_000, 3_000)
    assert formula.provisioned == (2_400, 3_600)
    assert formula.at_once == pytest.approx(825)


def test_ours_takes_more_of_the_table_than_the_source_design() -> None:
    """As the text beside the formula says."""
    sessions, _ = Demand(Load(0, 1_000, 0)).tables

    assert sessions.reads > Formula(1_000).reads
    assert sessions.writes > MESSAGE.writes * 1_000 > Formula(1_000).writes


def test_provisioned_units_have_a_fifth_to_spare_and_are_never_none() -> None:
    assert Units("sessions", 100.0, 0.0).provisioned == (120, 1)


def test_the_example_in_the_documentation_is_what_is_printed() -> None:
    document = (Path(__file__).parents[3] / "docs" / "capacity.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^\$ python -m ops (.*)$", document, re.MULTILINE)
    (shown,) = re.findall(r"^```text\n(.*?)^```", document, re.MULTILINE | re.DOTALL)

    printed = CliRunner().invoke(main, command.split()).stdout

    assert printed.rstrip() == shown.rstrip(), f"put what `python -m ops {command}` prints into docs/capacity.md"
