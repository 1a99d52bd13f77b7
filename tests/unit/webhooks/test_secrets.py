import json
from dataclasses import dataclass

import pytest

from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import UnavailableError
from chalicelib.webhooks.secrets import SourceSecrets
from tests.fakes import FakeClock


@dataclass
class FakeManager:
    text: str

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's own spelling
        assert SecretId == "frontdesk/dev/webhooks/github"
        return {"SecretString": self.text}


def secrets(text: str) -> SourceSecrets:
    return SourceSecrets(SecretCache(FakeManager(text), FakeClock()), "frontdesk/dev/webhooks/")


def test_all_secrets_of_a_source_are_active() -> None:
    assert secrets(json.dumps({"secrets": ["new", "old"]})).active("github") == ("new", "old")


@pytest.mark.parametrize(
    "text", ["", "plain", "[]", "{}", '{"secrets": null}', '{"secrets": "abc"}', '{"secrets": ["a", 7]}', "null"]
)
def test_a_secret_of_another_form_is_the_operators_fault(text: str) -> None:
    with pytest.raises(UnavailableError, match="github"):
        secrets(text).active("github")
