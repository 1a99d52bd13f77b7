import json

import pytest

from chalicelib import telemetry
from tests.metric_lines import metrics_of


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_counter_is_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("WebhooksRejected", 2, source="github", reason="invalid_signature")

    (line,) = lines(capsys)
    assert line["WebhooksRejected"] == [2.0]
    assert line["source"] == "github"
    assert line["reason"] == "invalid_signature"
    (directive,) = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive["Namespace"] == "Frontdesk"
    assert set(directive["Dimensions"][0]) == {"source", "reason", "stage", "service"}


def test_durations_keep_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.emit({"WebhooksStored": 2}, {"WebhookAgeAtStoring": [12.5, 80.0], "Nothing": []}, source="github")

    (line,) = lines(capsys)
    assert line["WebhookAgeAtStoring"] == [12.5, 80.0]
    assert line["WebhooksStored"] == [2.0]
    assert "Nothing" not in line


def test_a_gauge_is_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.gauge("SecondsSinceLastHeard", 3600.5, source="github")

    (line,) = lines(capsys)
    assert line["SecondsSinceLastHeard"] == [3600.5]
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [  # type: ignore[index]
        {"Name": "SecondsSinceLastHeard", "Unit": "Seconds"}
    ]


def test_lines_name_what_they_are_about_until_the_next_run(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.about(session_id="s1")
    telemetry.logger.info("message taken")
    telemetry.logger.clear_state()  # as Lambda's next run does
    telemetry.logger.info("message taken")

    assert [line.get("session_id") for line in lines(capsys)] == ["s1", None]


def test_a_gauge_has_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.gauge("DailyTokensUsed", 12.5, "Percent")

    (line,) = lines(capsys)
    assert line["DailyTokensUsed"] == [12.5]
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [  # type: ignore[index]
        {"Name": "DailyTokensUsed", "Unit": "Percent"}
    ]


def test_what_says_which_one_is_left_out_of_a_second_set(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.count("VoiceTurns", intent="CheckBalance", outcome="failed")
    telemetry.count("WebhooksStored", source="github")
    telemetry.count("Summaries", outcome="stored")

    shown = metrics_of(capsys.readouterr().out)

    common = {("stage", "local"), ("service", "frontdesk")}
    assert shown == {
        ("VoiceTurns", frozenset(common | {("intent", "CheckBalance"), ("outcome", "failed")})),
        ("VoiceTurns", frozenset(common | {("outcome", "failed")})),
        ("WebhooksStored", frozenset(common | {("source", "github")})),
        ("WebhooksStored", frozenset(common)),
        ("Summaries", frozenset(common | {("outcome", "stored")})),
    }
