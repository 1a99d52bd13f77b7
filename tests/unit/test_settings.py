import json
from pathlib import Path

import pytest

from chalicelib import settings
from chalicelib.errors import SettingsError
from chalicelib.settings import (
    AnswerSettings,
    BodiesSettings,
    BudgetSettings,
    ChatSettings,
    DatabaseAddress,
    DatabaseSettings,
    DeskSettings,
    IntakeSettings,
    ModelSettings,
    PageSettings,
    RetentionSettings,
    TableSettings,
    VoiceSettings,
)

CHAT = {
    "STAGE": "dev",
    "SESSIONS_TABLE": "sessions",
    "WEBSOCKET_URL": "wss://chat.example.com",
    "CONNECTIONS_URL": "https://connections.example.com/api",
    "CHAT_MESSAGES_QUEUE_URL": "https://sqs/chat-messages.fifo",
}


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match="STAGE, WEBHOOK_EVENTS_QUEUE_URL"):
        IntakeSettings.from_environ({"WEBHOOK_EVENTS_QUEUE_URL": ""})


def test_names_of_secrets_follow_from_the_stage() -> None:
    intake = IntakeSettings.from_environ({"STAGE": "dev", "WEBHOOK_EVENTS_QUEUE_URL": "https://sqs/queue"})

    assert intake == IntakeSettings(queue_url="https://sqs/queue", secrets_prefix="frontdesk/dev/webhooks/")
    assert DatabaseSettings.from_environ({"STAGE": "dev"}).secret_name == "frontdesk/dev/database"


def test_deployed_names_carry_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAGE", "prod")

    assert settings.deployed_name("webhook-events") == "frontdesk-prod-webhook-events"


@pytest.mark.parametrize(("given", "level"), [("debug", "DEBUG"), ("", "INFO"), ("loud", "INFO")])
def test_a_log_level_that_is_none_does_not_stop_the_service(
    monkeypatch: pytest.MonkeyPatch, given: str, level: str
) -> None:
    monkeypatch.setenv("LOG_LEVEL", given)

    assert settings.log_level() == level


@pytest.mark.parametrize(
    ("given", "url"),
    [("https://hooks.example.com/", "https://hooks.example.com"), ("http://127.0.0.1:8000", "http://127.0.0.1:8000")],
)
def test_the_public_url_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch, given: str, url: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", given)

    assert settings.public_url() == url


@pytest.mark.parametrize("given", ["", "/"])
def test_an_empty_public_url_is_none(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", given)

    assert settings.public_url() is None


def test_the_bucket_is_needed() -> None:
    assert BodiesSettings.from_environ({"WEBHOOK_BODIES_BUCKET": "bodies"}).bucket == "bodies"
    with pytest.raises(SettingsError, match="WEBHOOK_BODIES_BUCKET"):
        BodiesSettings.from_environ({})


def test_retention_is_in_days() -> None:
    assert RetentionSettings.from_environ({"RETENTION_DAYS": "400"}).days == 400


@pytest.mark.parametrize("days", ["", "0", "-1", "forever", "1.5", "36501", "٣", "9" * 5000])
def test_a_retention_that_would_delete_everything_is_refused(days: str) -> None:
    with pytest.raises(SettingsError, match="RETENTION_DAYS"):
        RetentionSettings.from_environ({"RETENTION_DAYS": days})


def test_the_desk_is_always_open_and_a_quarter_of_an_hour_is_waited() -> None:
    assert DeskSettings.from_environ({}) == DeskSettings("", 900)
    told = {"DESK_HOURS": "Mon 09:00-18:00 UTC", "WAITING_LIMIT_MINUTES": "5"}
    assert DeskSettings.from_environ(told) == DeskSettings("Mon 09:00-18:00 UTC", 300)


@pytest.mark.parametrize("minutes", ["0", "-1", "soon", "1.5", "1441", "٣"])
def test_a_waiting_limit_that_is_none_is_refused(minutes: str) -> None:
    with pytest.raises(SettingsError, match="WAITING_LIMIT_MINUTES"):
        DeskSettings.from_environ({"WAITING_LIMIT_MINUTES": minutes})


def test_the_chat_knows_its_table_sockets_queue_and_secrets() -> None:
    assert ChatSettings.from_environ(CHAT) == ChatSettings(
        table="sessions",
        websocket_url="wss://chat.example.com",
        connections_url="https://connections.example.com/api",
        messages_queue_url="https://sqs/chat-messages.fifo",
        secrets_prefix="frontdesk/dev/",
    )


def test_what_the_chat_lacks_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match="SESSIONS_TABLE, WEBSOCKET_URL, CONNECTIONS_URL, CHAT_MESSAGES_QUEUE_URL"):
        ChatSettings.from_environ({"STAGE": "dev"})
    with pytest.raises(SettingsError, match="SESSIONS_TABLE"):
        TableSettings.from_environ({})
    with pytest.raises(SettingsError, match="FAILED_TURNS_QUEUE_URL"):
        AnswerSettings.from_environ({})
    with pytest.raises(SettingsError, match="MODEL_DAILY_TOKENS"):
        BudgetSettings.from_environ({})


@pytest.mark.parametrize(
    ("given", "ancestors"),
    [
        ("", ()),
        ("https://shop.example  https://www.shop.example", ("https://shop.example", "https://www.shop.example")),
    ],
)
def test_shops_that_may_embed_the_chat(given: str, ancestors: tuple[str, ...]) -> None:
    config = PageSettings.from_environ({"WEBSOCKET_URL": "wss://chat.example.com", "FRAME_ANCESTORS": given})

    assert config == PageSettings("wss://chat.example.com", ancestors)


def test_an_empty_model_endpoint_and_guardrail_are_none() -> None:
    """CloudFormation sets every variable, also where its parameter is empty."""
    empty = {"MODEL_ID": "model", "MODEL_ENDPOINT_URL": "", "GUARDRAIL_ID": "", "GUARDRAIL_VERSION": ""}

    assert ModelSettings.from_environ(empty) == ModelSettings("model", None, None, "DRAFT")
    with pytest.raises(SettingsError, match="MODEL_ID"):
        ModelSettings.from_environ({})


class TestEnvironmentFile:
    def test_its_variables_win(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        file = tmp_path / "environment.json"
        file.write_text(json.dumps({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}), encoding="utf-8")
        monkeypatch.setenv("AWS_ENDPOINT_URL", "https://somewhere.else")
        monkeypatch.setenv("ENVIRONMENT_FILE", str(file))

        assert settings.environ()["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"

    def test_without_it_the_error_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("ENVIRONMENT_FILE", str(tmp_path / "absent.json"))

        with pytest.raises(SettingsError, match="make run"):
            settings.environ()


VOICE = {
    "BANK_URL": "https://bank.example.com/api/",
    "BANK_API_KEY_PARAMETER": "/dev/key",
    "CALLS_TABLE": "calls",
}


def test_voice_knows_the_bank_and_its_calls() -> None:
    assert VoiceSettings.from_environ(VOICE) == VoiceSettings(
        bank_url="https://bank.example.com/api", bank_api_key_parameter="/dev/key", calls_table="calls"
    )
    with pytest.raises(SettingsError, match="BANK_URL, BANK_API_KEY_PARAMETER, CALLS_TABLE"):
        VoiceSettings.from_environ({})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8091", "http://localhost:1/bank", "http://[::1]:8091"])
def test_a_bank_on_this_machine_may_speak_plainly(url: str) -> None:
    assert VoiceSettings.from_environ(VOICE | {"BANK_URL": url}).bank_url == url


@pytest.mark.parametrize(
    "url", ["http://bank.example.com", "bank.example.com", "ftp://127.0.0.1", "https://", "https://["]
)
def test_pins_never_travel_in_the_clear(url: str) -> None:
    with pytest.raises(SettingsError, match="BANK_URL"):
        VoiceSettings.from_environ(VOICE | {"BANK_URL": url})


def test_a_database_is_reached_as_a_secret_says_unless_it_takes_tokens() -> None:
    secret = DatabaseSettings.from_environ({"STAGE": "dev"})
    variables = {
        "STAGE": "dev",
        "AWS_REGION": "eu-west-1",
        "DATABASE_URL": "postgresql://frontdesk@db.example:5432/orders",
    }

    assert (secret.address, secret.requires_tls) == (None, True)
    assert DatabaseSettings.from_environ(variables).address == DatabaseAddress(
        "db.example", 5432, "orders", "frontdesk", "eu-west-1"
    )
    assert DatabaseSettings.from_environ({"STAGE": "local"}).requires_tls is False


def test_tokens_need_a_region() -> None:
    with pytest.raises(SettingsError, match="AWS_REGION"):
        DatabaseSettings.from_environ({"STAGE": "dev", "DATABASE_URL": "postgresql://frontdesk@db:5432/frontdesk"})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://frontdesk:hidden@db:5432/frontdesk",
        "postgresql://db:5432/frontdesk",
        "postgresql://frontdesk@db/frontdesk",
        "postgresql://frontdesk@db:5432/frontdesk?sslmode=disable",
        "postgresql://front*@db:5432/frontdesk",
        "db:5432",
    ],
)
def test_an_address_that_is_none_or_says_more_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL must read") as refused:
        DatabaseSettings.from_environ({"STAGE": "dev", "AWS_REGION": "eu-west-1", "DATABASE_URL": url})

    assert "hidden" not in str(refused.value)
