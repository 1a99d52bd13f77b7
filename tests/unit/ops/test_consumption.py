"""What the capacity figures are made of is what the application consumes; a failure says which constant to change."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from chalicelib import web
from ops.capacity import consumption
from ops.capacity.consumption import MESSAGES_A_SESSION, Use
from tests.unit.ops.metered import Application, metered

INEXACT = {"log_bytes": (0.05, 50), "callback_bytes": (0.05, 50), "tokens_in": (0.02, 20)}
"""Texts have ids and times of different lengths; all else must be equal. A share, and at least so many."""


@pytest.fixture
def application() -> Iterator[Application]:
    with metered() as application:
        application.webhooks(1)  # what an execution environment does once is no webhook's
        application.used()
        yield application


def total(uses: list[Use], factor: float = 1.0) -> Use:
    """The sum of uses, each divided by ``factor``."""
    functions = {name for use in uses for name in use.invocations}
    values: dict[str, Any] = {
        one.name: sum(getattr(use, one.name) for use in uses) / factor
        for one in fields(Use)
        if one.name != "invocations"
    }
    calls = {name: sum(use.invocations.get(name, 0) for use in uses) / factor for name in functions}
    return Use(**values, invocations=calls)


def minus(more: Use, less: Use) -> Use:
    functions = {*more.invocations, *less.invocations}
    values: dict[str, Any] = {
        one.name: getattr(more, one.name) - getattr(less, one.name) for one in fields(Use) if one.name != "invocations"
    }
    calls = {name: more.invocations.get(name, 0) - less.invocations.get(name, 0) for name in functions}
    return Use(**values, invocations={name: count for name, count in calls.items() if count})


def require(constant: str, measured: Use) -> None:
    stated = getattr(consumption, constant)
    wrong = []
    for name in (one.name for one in fields(Use)):
        share, least = INEXACT.get(name, (1e-9, 1e-9))
        if getattr(measured, name) != pytest.approx(getattr(stated, name), rel=share, abs=least):
            wrong.append(name)
    assert not wrong, f"{constant} in ops/capacity/consumption.py has other {', '.join(wrong)}; measured: {measured}"


def converse(application: Application) -> dict[str, list[Use]]:
    """A session of ten messages, one more that looks an order up, and its end."""
    session_id = application.open("connection-1")
    uses: dict[str, list[Use]] = {"session": [application.used()], "message": [], "summary": []}
    for _ in range(MESSAGES_A_SESSION):
        application.say("connection-1")
        uses["message"].append(application.used())
        if application.wants_summary(session_id):
            application.summarise(session_id)
            uses["summary"].append(application.used())
    application.close("connection-1")
    application.expire(session_id)
    uses["session"].append(application.used())
    return uses


def test_a_webhook(application: Application) -> None:
    application.webhooks(1)
    require("WEBHOOK", application.used())


def test_a_webhook_among_others_costs_no_more(application: Application) -> None:
    application.webhooks(10)

    ten = application.used()

    assert (ten.sent, ten.invocations["process_webhooks"]) == (10, 1)
    assert ten.log_bytes < 10 * consumption.WEBHOOK.log_bytes


def test_a_conversation(application: Application) -> None:
    uses = converse(application)

    require("SESSION", total(uses["session"]))
    require("MESSAGE", total(uses["message"], MESSAGES_A_SESSION))
    assert len(uses["summary"]) == 2
    require("SUMMARY", uses["summary"][-1])


def test_a_look_up(application: Application) -> None:
    application.open("connection-1")
    for _ in range(MESSAGES_A_SESSION - 1):
        application.say("connection-1")
    application.used()
    application.say("connection-1")
    without = application.used()

    application.say("connection-1", about_an_order=True)

    require("LOOK_UP", minus(application.used(), without))


def test_a_handoff(application: Application) -> None:
    application.agent("agent-1")
    session_id = application.open("connection-1")
    application.used()

    application.send("connection-1", action="request_human", reason="My parcel has not come.")
    application.send("agent-1", action="claim", session_id=session_id)
    for number in range(2):
        text = {"content": "x" * consumption.QUESTION_CHARACTERS}
        application.send("connection-1", action="message", message_id=f"customer-{number}", **text)
        application.send("agent-1", action="message", session_id=session_id, message_id=f"agent-{number}", **text)
    application.send("agent-1", action="close", session_id=session_id)

    require("HANDOFF", application.used())


def call(application: Application) -> None:
    caller = application.caller().say("CheckBalance").prove().give("checking")
    assert "1,204" in caller.heard
    caller.say("TransferFunds", FromAccount="checking", ToAccount="savings", TransferAmount="250").confirm()
    assert "Done" in caller.heard


def test_a_call(application: Application) -> None:
    call(application)

    require("CALL", application.used())


def test_a_look_at_who_waits(application: Application) -> None:
    application.check_waiting()

    require("WAITING_CHECK", application.used())


def webhook(application: Application) -> None:
    application.webhooks(1)


def chat(application: Application) -> None:
    converse(application)
    test_a_handoff(application)


def looks(application: Application) -> None:
    application.check_waiting()


@pytest.mark.parametrize(
    ("work", "constants"),
    [
        (webhook, ("METRICS_A_SOURCE", "METRICS_OF_WEBHOOKS")),
        (chat, ("METRICS_OF_CHAT",)),
        (call, ("METRICS_OF_VOICE",)),
        (looks, ("METRICS_OF_CHECKS",)),
    ],
)
def test_metrics(application: Application, work: Callable[[Application], None], constants: Sequence[str]) -> None:
    application.metrics.clear()

    work(application)
    application.used()

    of_sources = {metric for metric in application.metrics if any(part.startswith("source=") for part in metric)}
    found = [metrics for metrics in (of_sources, application.metrics - of_sources) if metrics or len(constants) > 1]
    counts = [len(metrics) for metrics in found] or [0]
    assert counts == [getattr(consumption, name) for name in constants], f"{constants}: {found}"


def test_files_of_the_page() -> None:
    page = (Path(web.__file__).parent / "static" / "chat.html").read_text(encoding="utf-8")

    assert len({"chat.html", *re.findall(r'(?:href|src)="(assets/[^"]+)"', page)}) == consumption.FILES_A_SESSION


def test_what_a_message_leaves_in_the_table(application: Application) -> None:
    session_id = application.open("connection-1")
    for _ in range(MESSAGES_A_SESSION):
        application.say("connection-1")
        if application.wants_summary(session_id):
            application.summarise(session_id)

    measured = application.stored_bytes() / MESSAGES_A_SESSION

    assert measured == pytest.approx(consumption.ITEM_BYTES_A_MESSAGE, rel=0.05)
