import io
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from localcloud.logs import LogPump, Screen, format_function_line
from localcloud.patches import MARK


def shown(record: Mapping[str, object], function: str = "frontdesk-local-api_handler") -> list[str]:
    return click.unstyle(format_function_line(function, json.dumps(record))).splitlines()


def test_a_log_line_is_time_function_level_message_and_details() -> None:
    record = {
        "level": "INFO",
        "location": "receive:66",
        "message": "webhook accepted",
        "timestamp": "2026-11-20T12:00:00.123+00:00",
        "function_arn": "arn:aws:lambda:us-east-1:000000000000:function:frontdesk-local-api_handler",
        "source": "github",
    }

    assert shown(record) == ["12:00:00.123 api_handler        INFO    webhook accepted source=github"]


def test_each_event_of_a_batch_has_a_line() -> None:
    record = {"level": "INFO", "message": "webhooks stored", "events": [{"event_id": "a"}, {"event_id": "b"}]}

    assert [line.split()[-1] for line in shown(record)] == ["event_id=a", "event_id=b"]


def test_an_exception_is_readable() -> None:
    record = {"level": "ERROR", "message": "unexpected error", "exception": "Traceback:\n  oops"}

    assert [line.split()[-1] for line in shown(record)] == ["error", "Traceback:", "oops"]


def test_metrics_are_one_short_line() -> None:
    directive = {"Namespace": "Frontdesk", "Metrics": [{"Name": "WebhooksStored", "Unit": "Count"}]}
    record = {"_aws": {"CloudWatchMetrics": [directive]}, "WebhooksStored": [8.0], "source": "github", "stage": "local"}

    assert [line.split() for line in shown(record)] == [["api_handler", "metric", "WebhooksStored=8", "source=github"]]


def test_metrics_of_nothing_are_not_shown() -> None:
    names = ("SessionsWaiting", "LongestWait")
    directive = {"Namespace": "Frontdesk", "Metrics": [{"Name": name} for name in names]}
    record = {"_aws": {"CloudWatchMetrics": [directive]}, "SessionsWaiting": [0.0], "LongestWait": [0.0]}

    assert shown(record) == []
    assert [line.split()[1:] for line in shown(record | {"SessionsWaiting": [1.0]})] == [
        ["metric", "SessionsWaiting=1", "LongestWait=0"]
    ]


@pytest.mark.parametrize("line", ["plain text", "[1, 2]", "{broken", ""])
def test_what_is_no_log_record_stays_as_it_is(line: str) -> None:
    assert click.unstyle(format_function_line("frontdesk-local-api_handler", line)).endswith(
        f"api_handler        {line}"
    )


def test_control_characters_do_not_reach_the_terminal() -> None:
    formatted = format_function_line("frontdesk-local-api_handler", json.dumps({"message": "a\x1b[2Jb\rc"}))

    assert "\x1b[2J" not in formatted
    assert "\r" not in formatted


class TestScreen:
    def test_lines_are_printed_in_their_order(self) -> None:
        printed: list[str] = []
        screen = Screen(printed.append)

        for number in range(100):
            screen.show(str(number))
        screen.close()

        assert printed == [str(number) for number in range(100)]

    def test_a_paused_terminal_holds_nobody_up(self) -> None:
        resume = threading.Event()
        printed: list[str] = []

        def write(line: str) -> None:
            resume.wait()
            printed.append(line)

        screen = Screen(write, capacity=10)
        started = time.monotonic()
        for number in range(1000):
            screen.show(str(number))
        screen.say("ready")
        assert time.monotonic() - started < 1
        resume.set()
        while "ready" not in printed:
            time.sleep(0.001)
        screen.show("later")
        screen.close()

        assert printed[-1] == "later"
        assert any("lines left out" in line for line in printed)
        assert len(printed) < 20


def test_the_pump_keeps_everything_and_shows_what_matters(tmp_path: Path) -> None:
    printed: list[str] = []
    screen = Screen(printed.append)
    written = (
        f"{MARK}frontdesk-local-api_handler\thello\n"
        "2026-11-20 12:00:00 INFO [sqs] nothing to see\n"
        "2026-11-20 12:00:00 WARNING [lambda] timed out\n"
    )

    LogPump(tmp_path, screen).start(io.BytesIO(written.encode())).join()
    screen.close()

    assert [click.unstyle(line).split()[-1] for line in printed] == ["hello", "out"]
    assert (tmp_path / "functions.log").read_text() == "frontdesk-local-api_handler\thello\n"
    assert "nothing to see" in (tmp_path / "ministack.log").read_text()
