"""What holds for every signature scheme, against an independent signer and against rubbish."""

import base64
import hashlib
import random
from contextlib import suppress
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks.signatures import MismatchError, Scheme, SchemeOptions, SignatureError, verify
from chalicelib.webhooks.sources import SOURCES
from localcloud.samples import make_event, sign
from tests.builders import NOW
from tests.signed import ADDRESS, SCHEMES, SECRETS, SignedRequest, sign_event, sign_few_bytes, sign_sample


def test_every_scheme_is_tested() -> None:
    assert set(get_args(Scheme)) == set(SCHEMES)
    assert all(SOURCES[scheme].scheme == scheme for scheme in SCHEMES)


@pytest.mark.parametrize("scheme", SCHEMES)
class TestEveryScheme:
    def test_every_kind_of_sample_passes(self, scheme: str) -> None:
        chance = random.Random(7)

        for number in range(40):
            sign_event(scheme, make_event(scheme, chance, number)).verify()

    @pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe\r\n", "日本".encode()])
    def test_any_bytes_can_be_signed(self, scheme: str, body: bytes) -> None:
        sign_sample(scheme, body).verify()

    def test_header_names_match_whatever_their_case(self, scheme: str) -> None:
        genuine = sign_sample(scheme)

        for spelling in (str.upper, str.lower, str.swapcase):
            replace(genuine, headers={spelling(name): value for name, value in genuine.headers.items()}).verify()

    def test_any_active_secret_will_do(self, scheme: str) -> None:
        sign_sample(scheme).verify("", "whsec_AAAA", "!!", "ünïcode", "\ud800", SECRETS[scheme], "another")

    @pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["another"], ["\ud800"], ["whpk_"], ["whsk_"]])
    def test_without_the_secret_it_is_a_mismatch(self, scheme: str, secrets: list[str]) -> None:
        with pytest.raises(MismatchError):
            sign_sample(scheme).verify_with(secrets)

    def test_an_empty_secret_signs_nothing(self, scheme: str) -> None:
        event = make_event(scheme, random.Random(7))
        empty = "whsec_" if scheme == "standard-webhooks" else ""
        headers = dict(sign(scheme, event, empty, NOW, ADDRESS))

        with pytest.raises(MismatchError):
            SignedRequest(scheme, event.body, headers, ADDRESS + event.query).verify_with([empty, ""])

    def test_each_flipped_bit_of_the_body_is_noticed(self, scheme: str) -> None:
        genuine = sign_few_bytes(scheme)
        genuine.verify()

        for index in range(len(genuine.body)):
            for bit in range(8):
                forged = bytearray(genuine.body)
                forged[index] ^= 1 << bit
                with pytest.raises(SignatureError):
                    replace(genuine, body=bytes(forged)).verify()

    def test_each_byte_more_or_less_is_noticed(self, scheme: str) -> None:
        genuine = sign_sample(scheme, b'{"a":1}')

        for index in range(len(genuine.body)):
            head, tail = genuine.body[:index], genuine.body[index:]
            for forged in (head, head + tail[1:], head + b"0" + tail, genuine.body + tail):
                with pytest.raises(SignatureError):
                    replace(genuine, body=forged).verify()

    def test_each_changed_character_of_a_signing_header_is_noticed(self, scheme: str) -> None:
        genuine = sign_few_bytes(scheme)

        for name in genuine.signing_headers():
            value = genuine.headers[name]
            for index, character in enumerate(value):
                for other in {chr(ord(character) ^ 1 << bit) for bit in range(7)} | {"", "é", "\ud800", " "}:
                    with pytest.raises(SignatureError):
                        genuine.with_header(name, value[:index] + other + value[index + 1 :]).verify()

    def test_what_is_added_to_a_signing_header_is_noticed(self, scheme: str) -> None:
        genuine = sign_few_bytes(scheme)

        for name in genuine.signing_headers():
            value = genuine.headers[name]
            for added in ("0", "=", "\n", "\x00", "é"):
                for forged in (value + added, added + value):
                    with pytest.raises(SignatureError):
                        genuine.with_header(name, forged).verify()

    def test_a_missing_header_is_refused(self, scheme: str) -> None:
        genuine = sign_sample(scheme)

        for name in genuine.signing_headers():
            with pytest.raises(SignatureError, match="missing"):
                genuine.without_header(name).verify()


def test_an_unknown_scheme_is_a_signature_error() -> None:
    with pytest.raises(SignatureError):
        verify("rot13", body=b"", headers={}, secrets=["key"], now=NOW)


ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
GENUINE = {scheme: sign_few_bytes(scheme) for scheme in SCHEMES}
HEADER_NAMES = sorted(
    {name for request in GENUINE.values() for name in request.signing_headers()}
    | {"Shopify-Hmac-Sha256", "X-Hub-Signature", "Content-Type"}
)
SIGNATURES = [request.headers[name] for request in GENUINE.values() for name in request.signing_headers()]
HEADER_VALUES = st.one_of(
    ANY_TEXT,
    st.sampled_from([*SIGNATURES, "sha256=", "v0=", "v1,", "v1a,", "t=,v1=", "t=1795176000,v1=", f"{NOW:.0f}"]),
    st.integers().map(str),
    st.text(alphabet="v1a0t,= +/", max_size=60),
    st.binary(min_size=60, max_size=66).map(lambda raw: "v1a," + base64.b64encode(raw).decode()),
    st.builds("{}{}".format, st.sampled_from(SIGNATURES), ANY_TEXT),
)
URLS = st.one_of(
    st.none(),
    ANY_TEXT,
    st.builds("https://shop.example.com{}".format, ANY_TEXT),
    st.builds("http://[::1{}:8{}/?bodySHA256={}".format, ANY_TEXT, ANY_TEXT, ANY_TEXT),
    st.just(f"{ADDRESS}?bodySHA256={hashlib.sha256(b'').hexdigest()}"),
)
KEYS = st.one_of(
    ANY_TEXT,
    st.sampled_from(list(SECRETS.values())),
    st.builds("{}{}".format, st.sampled_from(["whsec_", "whpk_", "whsk_"]), ANY_TEXT),
    st.binary(min_size=31, max_size=33).map(lambda raw: "whpk_" + base64.b64encode(raw).decode()),
)
TIMES = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.just(NOW))
OPTIONS = st.one_of(
    st.none(),
    st.builds(SchemeOptions, header=ANY_TEXT, prefix=ANY_TEXT, encoding=st.sampled_from(["hex", "base64"])),
    st.builds(SchemeOptions, header=st.sampled_from(HEADER_NAMES), encoding=st.sampled_from(["hex", "base64"])),
)


@given(
    scheme=st.one_of(st.sampled_from(SCHEMES), ANY_TEXT),
    body=st.one_of(st.binary(max_size=200), st.text(alphabet="ab=&%+f0\xe9", max_size=80).map(str.encode)),
    headers=st.dictionaries(st.one_of(st.sampled_from(HEADER_NAMES), ANY_TEXT), HEADER_VALUES, max_size=6),
    secrets=st.lists(KEYS, max_size=3),
    now=TIMES,
    url=URLS,
    options=OPTIONS,
)
def test_whatever_comes_passes_or_is_a_signature_error(
    scheme: str,
    body: bytes,
    headers: dict[str, str],
    secrets: list[str],
    now: float,
    url: str | None,
    options: SchemeOptions | None,
) -> None:
    with suppress(SignatureError):
        verify(scheme, body=body, headers=headers, secrets=secrets, now=now, url=url, options=options)


@given(scheme=st.sampled_from(SCHEMES), data=st.data())
def test_half_of_a_genuine_request_is_refused(scheme: str, data: st.DataObject) -> None:
    """One part of a genuine request is replaced by anything else: no more and no less than ``SignatureError``."""
    genuine = GENUINE[scheme]
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(genuine.signing_headers()))
        value = data.draw(HEADER_VALUES.filter(lambda value: value != genuine.headers[name]))
        forged = genuine.with_header(name, value)
    else:
        forged = replace(genuine, body=data.draw(st.binary(max_size=60).filter(lambda body: body != genuine.body)))

    with pytest.raises(SignatureError):
        forged.verify()
