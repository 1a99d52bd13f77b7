import base64
import re
from typing import get_args

import pytest

from chalicelib.webhooks.secret_forms import fault_of, new_secret
from chalicelib.webhooks.signatures import Scheme


@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_a_new_secret_is_usable_and_never_the_same(scheme: str) -> None:
    first, second = new_secret(scheme), new_secret(scheme)

    assert first != second
    assert fault_of(scheme, first) is None


@pytest.mark.parametrize("secret", ["", " ", "abc ", "\nabc", "a\x00b", "a\nb"])
@pytest.mark.parametrize("scheme", ["github", "standard-webhooks"])
def test_what_was_copied_badly_is_refused(scheme: str, secret: str) -> None:
    assert fault_of(scheme, secret)


def test_a_standard_webhooks_secret_is_base64() -> None:
    public = "whpk_" + base64.b64encode(bytes(range(32))).decode()

    assert fault_of("standard-webhooks", public) is None
    assert fault_of("standard-webhooks", "whsec_c2VjcmV0") is None
    assert "32 bytes" in (fault_of("standard-webhooks", "whpk_c2VjcmV0") or "")
    assert "private" in (fault_of("standard-webhooks", public.replace("whpk_", "whsk_")) or "")
    assert "prefix" in (fault_of("standard-webhooks", "whsec_") or "")


def test_a_refusal_does_not_repeat_the_secret() -> None:
    assert "hunter-2" not in (fault_of("standard-webhooks", "hunter-2!") or "hunter-2")


@pytest.mark.parametrize(
    ("scheme", "form"),
    [
        ("stripe", "whsec_[A-Za-z0-9]{32}"),
        ("standard-webhooks", "whsec_[A-Za-z0-9+/]{32}"),
        ("twilio", "[A-Za-z0-9+/]{32}"),
    ],
)
def test_a_new_secret_has_the_form_of_its_scheme(scheme: str, form: str) -> None:
    assert re.fullmatch(form, new_secret(scheme))
