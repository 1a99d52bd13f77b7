import base64
import re
from contextlib import suppress
from typing import get_args

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chalicelib.webhooks.secret_forms import fault_of, new_secret
from chalicelib.webhooks.signatures import Scheme

SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",
    "ee" + "ff" * 30 + "7f",
]


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


@pytest.mark.parametrize("prefix", ["whsec_whpk_", "whpk_whsec_", "whsec_whsk_", "whsec_whsec_"])
def test_a_secret_has_one_prefix(prefix: str) -> None:
    """Such a secret would never match anything."""
    assert "base64" in (fault_of("standard-webhooks", prefix + base64.b64encode(bytes(range(32))).decode()) or "")


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("y", SMALL_ORDER)
def test_a_public_key_that_proves_nothing_is_refused(y: str, sign: int) -> None:
    key = bytes.fromhex(y)
    key = key[:-1] + bytes([key[-1] | sign])

    assert is_forgeable(key)
    assert "anybody" in (fault_of("standard-webhooks", "whpk_" + base64.b64encode(key).decode()) or "")


def is_forgeable(key: bytes) -> bool:
    """Whether a signature that needs no private key passes for some message out of a few."""
    public = Ed25519PublicKey.from_public_bytes(key)
    for number in range(100):
        for y in SMALL_ORDER[:5]:
            for sign in (0, 0x80):
                point = bytes.fromhex(y)
                with suppress(InvalidSignature):
                    public.verify(point[:-1] + bytes([point[-1] | sign]) + bytes(32), b"%d" % number)
                    return True
    return False


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
