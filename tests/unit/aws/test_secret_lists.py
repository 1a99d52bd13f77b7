import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from chalicelib.aws.secret_lists import SecretLists, read_secrets
from chalicelib.aws.secrets import SecretCache, read_secret
from chalicelib.errors import UnavailableError
from tests.builders import NOW
from tests.fakes import FakeClock


@dataclass
class FakeManager:
    text: str

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's own spelling
        assert SecretId == "frontdesk/dev/webhooks/github"
        return {"SecretString": self.text}


def secrets(text: str, clock: FakeClock | None = None) -> SecretLists:
    cache = SecretCache(partial(read_secret, FakeManager(text)), FakeClock())
    return SecretLists(cache, "frontdesk/dev/webhooks/", clock or FakeClock(NOW))


def test_all_secrets_of_a_source_are_active() -> None:
    assert secrets(json.dumps({"secrets": ["new", "old"], "verify_token": "t"})).active("github") == ("new", "old")


def test_a_secret_ends_on_time_even_from_the_cache() -> None:
    clock = FakeClock(NOW)
    until = datetime.fromtimestamp(NOW, UTC) + timedelta(minutes=1)
    both = secrets(json.dumps({"secrets": ["new", {"secret": "old", "until": until.isoformat()}]}), clock)

    assert both.active("github") == ("new", "old")
    clock.now = NOW + 59.9
    assert both.active("github") == ("new", "old")
    clock.now = NOW + 60
    assert both.active("github") == ("new",)
    assert both.refreshed("github") == ("new",)


@pytest.mark.parametrize("until", ["2026-11-20T12:00:01Z", "2026-11-20T13:00:01+01:00"])
def test_an_end_may_have_any_offset(until: str) -> None:
    entry = {"secret": "old", "until": until}

    assert secrets(json.dumps({"secrets": [entry]}), FakeClock(NOW + 0.5)).active("github") == ("old",)
    assert secrets(json.dumps({"secrets": [entry]}), FakeClock(NOW + 1)).active("github") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "[]",
        "{}",
        '{"secrets": null}',
        '{"secrets": "abc"}',
        '{"secrets": ["a", 7]}',
        "null",
        '{"secrets": [{"secret": "abc"}]}',
        '{"secrets": [{"secret": "abc", "until": "tomorrow"}]}',
        '{"secrets": [{"secret": "abc", "until": "2026-11-20T12:00:00"}]}',
        '{"secrets": [{"secret": "x", "until": "abc"}]}',
        '{"secrets": [{"secret": "abc", "until": "0001-01-01T00:00+05:00"}]}',
        "[" * 100_000,
        '{"secrets": [{"secret": "abc", "untill": "2026-11-20T12:00:00Z"}]}',
        '{"secrets": [{"secret": "abc", "until": "2026-11-20T12:00:00Z", "from": "x"}]}',
    ],
)
def test_a_secret_of_another_form_is_the_operators_fault(text: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        secrets(text).active("github")

    assert str(caught.value) == "The secret github cannot be used."
    assert caught.value.__suppress_context__


def test_a_broken_end_is_not_quoted() -> None:
    """Somebody may have put the secret there."""
    with pytest.raises(ValueError, match="ISO 8601") as caught:
        read_secrets('{"secrets": [{"secret": "x", "until": "hunter2"}]}')

    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None
