from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.aws.tables import Table
from chalicelib.chat import persona
from chalicelib.chat.budget import Budget
from tests.builders import NOW
from tests.fakes import FakeClock
from tests.metric_lines import values_of
from tests.tables import TABLE


@pytest.fixture
def table(dynamodb: Any) -> Table:
    return Table(dynamodb, TABLE, sleep=lambda _: None)


def budget(table: Table, clock: FakeClock | None = None) -> Budget:
    return Budget(table, clock or FakeClock(NOW), daily=1000, per_session=300)


def test_a_new_day_has_its_whole_budget(table: Table) -> None:
    assert budget(table).refusal(0) is None


def test_beyond_the_days_ceiling_nobody_is_answered(table: Table) -> None:
    mine = budget(table)
    mine.add(999)
    assert mine.refusal(0) is None
    mine.add(1)

    assert mine.refusal(0) == persona.EXHAUSTED


def test_beyond_its_own_ceiling_a_session_is_not(table: Table) -> None:
    assert budget(table).refusal(299) is None
    assert budget(table).refusal(300) == persona.TIRED


def test_what_others_spend_is_known_with_the_next_answer(table: Table) -> None:
    budget(table).add(1000)
    mine = budget(table)
    assert mine.refusal(0) is None
    mine.add(1)

    assert mine.refusal(0) == persona.EXHAUSTED


def test_the_next_day_begins_anew(table: Table) -> None:
    clock = FakeClock(NOW)
    mine = budget(table, clock)
    mine.add(1000)
    clock.now += 86_400

    assert mine.refusal(0) is None


class NoClient:
    """A client that reaches nothing."""

    def __getattr__(self, name: str) -> Any:
        def refuse(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        return refuse


def test_without_the_table_it_allows() -> None:
    broken = Budget(Table(NoClient(), TABLE, sleep=lambda _: None), FakeClock(NOW), 1, 1)

    broken.add(5)

    assert broken.refusal(0) is None


def test_how_much_of_the_day_is_used_is_measured(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    budget(table).add(250)
    budget(table).add(600)
    Budget(table, FakeClock(NOW), daily=0).add(1)

    assert values_of(capsys.readouterr().out, "DailyTokensUsed") == [25.0, 85.0, 100.0]
