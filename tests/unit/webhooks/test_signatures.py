"""Signature schemes, against published examples, against an independent signer, and against rubbish."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks.signatures import SchemeOptions, SignatureError, verify
from localcloud.samples import make_event, sign
from tests.builders import NOW

SCHEMES = ("github", "hmac-sha256", "standard-webhooks")
PREFIXED = SchemeOptions(header="X-Signature-256", prefix="sha256=")
SECRETS = {
    "github": "It's a Secret to Everybody",
    "hmac-sha256": "correct horse battery staple",
    "standard-webhooks": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def options_of(scheme: str) -> SchemeOptions | None:
    return PREFIXED if scheme == "hmac-sha256" else None


def signed(scheme: str, body: bytes | None = None, now: float = NOW) -> tuple[bytes, dict[str, str]]:
    event = make_event(scheme, random.Random(7), body)
    return event.body, dict(sign(scheme, event, SECRETS[scheme], now))


class TestPublishedExamples:
    def test_github(self) -> None:
        headers = {"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}

        verify("github", body=b"Hello, World!", headers=headers, secrets=["It's a Secret to Everybody"], now=NOW)

    def test_standard_webhooks(self) -> None:
        headers = {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

        verify(
            "standard-webhooks",
            body=b'{"test": 2432232314}',
            headers=headers,
            secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            now=1614265330,
        )


@pytest.mark.parametrize("scheme", SCHEMES)
class TestEveryScheme:
    def test_a_genuine_request_passes(self, scheme: str) -> None:
        body, headers = signed(scheme)

        verify(scheme, body=body, headers=headers, secrets=[SECRETS[scheme]], now=NOW, options=options_of(scheme))

    @pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe\r\n", "日本".encode()])
    def test_any_bytes_can_be_signed(self, scheme: str, body: bytes) -> None:
        _, headers = signed(scheme, body)

        verify(scheme, body=body, headers=headers, secrets=[SECRETS[scheme]], now=NOW, options=options_of(scheme))

    def test_header_names_match_whatever_their_case(self, scheme: str) -> None:
        body, headers = signed(scheme)
        shouted = {name.upper(): value for name, value in headers.items()}

        verify(scheme, body=body, headers=shouted, secrets=[SECRETS[scheme]], now=NOW, options=options_of(scheme))

    def test_any_active_secret_will_do(self, scheme: str) -> None:
        body, headers = signed(scheme)
        secrets = ["", "whsec_AAAA", "!!", "ünïcode", "\ud800", SECRETS[scheme], "another"]

        verify(scheme, body=body, headers=headers, secrets=secrets, now=NOW, options=options_of(scheme))

    @pytest.mark.parametrize("secrets", [[], [""], ["whsec_"], ["another"], ["\ud800"]])
    def test_without_the_secret_it_is_refused(self, scheme: str, secrets: list[str]) -> None:
        body, headers = signed(scheme)

        with pytest.raises(SignatureError):
            verify(scheme, body=body, headers=headers, secrets=secrets, now=NOW, options=options_of(scheme))

    def test_an_empty_secret_signs_nothing(self, scheme: str) -> None:
        event = make_event(scheme, random.Random(7))
        headers = sign(scheme, event, "whsec_" if scheme == "standard-webhooks" else "", NOW)

        with pytest.raises(SignatureError):
            verify(scheme, body=event.body, headers=headers, secrets=[""], now=NOW, options=options_of(scheme))

    def test_each_flipped_bit_of_the_body_is_noticed(self, scheme: str) -> None:
        body, headers = signed(scheme)

        for index in range(len(body)):
            for bit in range(8):
                forged = bytes([*body[:index], body[index] ^ 1 << bit, *body[index + 1 :]])
                with pytest.raises(SignatureError):
                    verify(
                        scheme,
                        body=forged,
                        headers=headers,
                        secrets=[SECRETS[scheme]],
                        now=NOW,
                        options=options_of(scheme),
                    )

    def test_each_changed_character_of_a_signing_header_is_noticed(self, scheme: str) -> None:
        body, headers = signed(scheme)
        signing = [
            name for name in headers if "signature" in name.lower() or name in ("webhook-id", "webhook-timestamp")
        ]

        for name in signing:
            for index, character in enumerate(headers[name]):
                for other in {chr(ord(character) ^ 1 << bit) for bit in range(7)} | {"", "é", "\ud800", " "}:
                    forged = headers | {name: headers[name][:index] + other + headers[name][index + 1 :]}
                    with pytest.raises(SignatureError):
                        verify(
                            scheme,
                            body=body,
                            headers=forged,
                            secrets=[SECRETS[scheme]],
                            now=NOW,
                            options=options_of(scheme),
                        )

    def test_a_missing_header_is_refused(self, scheme: str) -> None:
        body, headers = signed(scheme)
        needed = [name for name in headers if "signature" in name.lower() or name.startswith("webhook-")]

        for name in needed:
            rest = {key: value for key, value in headers.items() if key != name}
            with pytest.raises(SignatureError):
                verify(scheme, body=body, headers=rest, secrets=[SECRETS[scheme]], now=NOW, options=options_of(scheme))


class TestStandardWebhooks:
    def verify(self, headers: dict[str, str], body: bytes, *, now: float = NOW, secret: str | None = None) -> None:
        secrets = [secret or SECRETS["standard-webhooks"]]
        verify("standard-webhooks", body=body, headers=headers, secrets=secrets, now=now)

    @pytest.mark.parametrize("drift", [-300, 0, 300])
    def test_a_timestamp_within_the_window_passes(self, drift: int) -> None:
        body, headers = signed("standard-webhooks", now=NOW + drift)

        self.verify(headers, body)

    @pytest.mark.parametrize("drift", [-301, 301, 10**6])
    def test_a_timestamp_outside_the_window_is_refused_both_ways(self, drift: int) -> None:
        body, headers = signed("standard-webhooks", now=NOW + drift)

        with pytest.raises(SignatureError, match="300 seconds"):
            self.verify(headers, body)

    @pytest.mark.parametrize("timestamp", ["", "x", "1.5", "-1", "1e9", "٣", "9" * 5000, "1795176000 ", "nan", "0x1"])
    def test_a_malformed_timestamp_is_refused(self, timestamp: str) -> None:
        body, headers = signed("standard-webhooks")

        with pytest.raises(SignatureError):
            self.verify(headers | {"webhook-timestamp": timestamp}, body)

    def test_one_good_signature_in_a_list_is_enough(self) -> None:
        body, headers = signed("standard-webhooks")
        several = f"v1,AAAA v1a,BBBB rubbish v1 {headers['webhook-signature']} v2,CCCC"

        self.verify(headers | {"webhook-signature": several}, body)

    def test_another_version_does_not_count(self) -> None:
        body, headers = signed("standard-webhooks")
        _, _, signature = headers["webhook-signature"].partition(",")

        with pytest.raises(SignatureError):
            self.verify(headers | {"webhook-signature": f"v2,{signature}"}, body)

    @pytest.mark.parametrize("secret", ["cGFkZGVkIHNlY3JldA==", "whsec_cGFkZGVkIHNlY3JldA"])
    def test_a_secret_may_lack_its_prefix_or_padding(self, secret: str) -> None:
        event = make_event("standard-webhooks", random.Random(1))
        headers = dict(sign("standard-webhooks", event, "whsec_cGFkZGVkIHNlY3JldA==", NOW))

        self.verify(headers, event.body, secret=secret)


class TestHmacSha256:
    def test_base64_and_another_header(self) -> None:
        headers = {"x-shop-mac": "UVquEztDXUAAlWcx9orlz164XU8NxqVG0r/NNZXsGuE="}
        options = SchemeOptions(header="X-Shop-MAC", encoding="base64")

        verify("hmac-sha256", body=b"body", headers=headers, secrets=["key"], now=NOW, options=options)

    def test_hex_without_prefix_is_the_default(self) -> None:
        digest = "515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"

        verify("hmac-sha256", body=b"body", headers={"X-Signature-256": digest}, secrets=["key"], now=NOW)


def test_an_unknown_scheme_is_a_signature_error() -> None:
    with pytest.raises(SignatureError):
        verify("rot13", body=b"", headers={}, secrets=["key"], now=NOW)


HEADER_NAMES = st.sampled_from(
    ["X-Hub-Signature-256", "webhook-id", "webhook-timestamp", "webhook-signature", "X-Signature-256"]
)
HEADER_VALUES = st.one_of(
    st.text(st.characters(codec=None), max_size=80),
    st.just("sha256="),
    st.integers().map(str),
    st.text(alphabet="v1a,= +/0", max_size=60),
)


@given(
    scheme=st.sampled_from(SCHEMES),
    body=st.binary(max_size=200),
    headers=st.dictionaries(HEADER_NAMES, HEADER_VALUES),
    secrets=st.lists(st.text(st.characters(codec=None), max_size=40), max_size=3),
    now=st.floats(allow_nan=True, allow_infinity=True),
)
def test_whatever_comes_is_refused_as_a_signature_error(
    scheme: str, body: bytes, headers: dict[str, str], secrets: list[str], now: float
) -> None:
    with pytest.raises(SignatureError):
        verify(scheme, body=body, headers=headers, secrets=secrets, now=now)
