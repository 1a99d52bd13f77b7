"""What is particular to each signature scheme."""

import base64
import hashlib
import random
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chalicelib.webhooks.signatures import MismatchError, SchemeOptions, SignatureError, verify
from localcloud.samples import make_event
from localcloud.signing import sign
from tests.builders import NOW
from tests.signed import ADDRESS, SECRETS, SignedRequest, sign_form, sign_sample

TIMED = {"slack": "X-Slack-Request-Timestamp", "standard-webhooks": "webhook-timestamp", "stripe": "Stripe-Signature"}
MALFORMED_TIMES = ["", "x", "1.5", "-1", "1e9", "٣", "9" * 5000, "1795176000 ", "nan", "0x1", "1_0", "+1795176000"]


@pytest.mark.parametrize("scheme", TIMED)
class TestTimestamps:
    @pytest.mark.parametrize("drift", [-300, 0, 300])
    def test_within_the_window_they_pass(self, scheme: str, drift: int) -> None:
        sign_sample(scheme, now=NOW + drift).verify()

    @pytest.mark.parametrize("drift", [-301, 301, 10**6, -(10**6)])
    def test_outside_they_are_refused_both_ways(self, scheme: str, drift: int) -> None:
        with pytest.raises(SignatureError, match="300 seconds"):
            sign_sample(scheme, now=NOW + drift).verify()

    @pytest.mark.parametrize("timestamp", MALFORMED_TIMES)
    def test_malformed_they_are_refused_before_any_secret_is_needed(self, scheme: str, timestamp: str) -> None:
        genuine = sign_sample(scheme)
        name = TIMED[scheme]
        forged = genuine.with_header(name, genuine.headers[name].replace(f"{NOW:.0f}", timestamp))

        with pytest.raises(SignatureError) as refused:
            forged.verify_with([])
        assert not isinstance(refused.value, MismatchError)


def sign_stripe(*parts: str) -> SignedRequest:
    """Parts of the header; ``{v1}`` is the right signature."""
    genuine = sign_sample("stripe")
    _, _, v1 = genuine.headers["Stripe-Signature"].partition(",v1=")
    return genuine.with_header("Stripe-Signature", ",".join(parts).format(t=int(NOW), v1=v1))


class TestStripe:
    @pytest.mark.parametrize(
        "parts",
        [
            ["t={t}", "v1={v1}"],
            ["v1={v1}", "t={t}"],
            ["t={t}", "v1=" + "0" * 64, "v1={v1}"],
            ["t={t}", "v1={v1}", "v1=rubbish", "v1"],
            ["t={t}", "v0=" + "0" * 64, "v1={v1}", "v2=x", ""],
        ],
    )
    def test_one_good_v1_is_enough(self, parts: Sequence[str]) -> None:
        sign_stripe(*parts).verify()

    @pytest.mark.parametrize(
        "parts",
        [
            [],
            ["t={t}"],
            ["v1={v1}"],
            ["t={t}", "v0={v1}"],
            ["t={t}", "v1={v1}", "t={t}"],
            ["t=1", "t={t}", "v1={v1}"],
            ["t={t}", " v1={v1}"],
            ["t={t}", "V1={v1}"],
            ["t={t}", "v1=={v1}"],
            ["t={t}", "v1=", "v1"],
            ["t={t}", "v1=é{v1}"],
        ],
    )
    def test_anything_else_is_refused(self, parts: Sequence[str]) -> None:
        with pytest.raises(SignatureError):
            sign_stripe(*parts).verify()

    def test_the_prefix_is_part_of_the_key(self) -> None:
        with pytest.raises(MismatchError):
            sign_sample("stripe").verify(SECRETS["stripe"].removeprefix("whsec_"))

    def test_while_a_secret_is_rolled_either_will_do(self) -> None:
        event = make_event("stripe", random.Random(7))
        old, new = (sign("stripe", event, secret, NOW, ADDRESS)["Stripe-Signature"] for secret in ("old", "new"))
        request = SignedRequest("stripe", event.body, {"Stripe-Signature": f"{old},{new.partition(',')[2]}"})

        request.verify("old")
        request.verify("new")


class TestSlack:
    def test_the_version_is_part_of_the_signature(self) -> None:
        genuine = sign_sample("slack")
        bare = genuine.headers["X-Slack-Signature"].removeprefix("v0=")

        for forged in (bare, f"v1={bare}", f"V0={bare}", f"v0={bare.upper()}", f"v0={bare},v0={bare}"):
            with pytest.raises(SignatureError):
                genuine.with_header("X-Slack-Signature", forged).verify()

    def test_the_signed_timestamp_cannot_be_renewed(self) -> None:
        old = sign_sample("slack", now=NOW - 400)

        with pytest.raises(MismatchError):
            old.with_header("X-Slack-Request-Timestamp", f"{NOW:.0f}").verify()


class TestShopify:
    @pytest.mark.parametrize("name", ["X-Shopify-Hmac-SHA256", "X-Shopify-Hmac-Sha256", "Shopify-Hmac-Sha256"])
    def test_both_names_of_the_header_will_do(self, name: str) -> None:
        genuine = sign_sample("shopify")

        SignedRequest("shopify", genuine.body, {name: genuine.headers["X-Shopify-Hmac-Sha256"]}).verify()

    def test_only_one_spelling_of_base64_passes(self) -> None:
        genuine = sign_sample("shopify")
        signature = genuine.headers["X-Shopify-Hmac-Sha256"]
        url_safe = signature.translate(str.maketrans("+/", "-_"))
        another = signature[:-2] + chr(ord(signature[-2]) + 1) + "="
        assert base64.b64decode(another) == base64.b64decode(signature)

        for forged in {url_safe, another, signature.rstrip("="), f" {signature}"} - {signature}:
            with pytest.raises(MismatchError):
                genuine.with_header("X-Shopify-Hmac-Sha256", forged).verify()


@pytest.mark.parametrize("scheme", ["github", "meta"])
class TestHubSignature:
    def test_sha1_does_not_count(self, scheme: str) -> None:
        genuine = sign_sample(scheme).without_header("X-Hub-Signature-256")

        with pytest.raises(SignatureError, match="missing"):
            genuine.with_header("X-Hub-Signature", "sha1=" + "0" * 40).verify()

    def test_the_prefix_is_needed_and_hex_is_lower(self, scheme: str) -> None:
        genuine = sign_sample(scheme)
        bare = genuine.headers["X-Hub-Signature-256"].removeprefix("sha256=")

        for forged in (bare, f"SHA256={bare}", f"sha256={bare.upper()}", f"sha256= {bare}", "sha256=", f"sha1={bare}"):
            with pytest.raises(SignatureError):
                genuine.with_header("X-Hub-Signature-256", forged).verify()


def sign_json() -> SignedRequest:
    return sign_sample("twilio", b'{"a":1}')


class TestTwilio:
    @pytest.mark.parametrize(
        ("signed_for", "called"),
        [
            ("https://shop.example.com/t", "https://shop.example.com/t"),
            ("https://shop.example.com:443/t", "https://shop.example.com/t"),
            ("https://shop.example.com/t", "https://shop.example.com:443/t"),
            ("https://shop.example.com:443/t", "https://shop.example.com:8443/t"),
            ("https://shop.example.com/t", "https://shop.example.com:8443/t"),
            ("https://shop.example.com:8443/t", "https://shop.example.com:8443/t"),
            ("http://shop.example.com:80/t?a=b", "http://shop.example.com/t?a=b"),
            ("https://me:word@shop.example.com:443/t", "https://me:word@shop.example.com/t"),
            ("https://[2001:db8::1]:443/t", "https://[2001:db8::1]/t"),
            ("https://s:443/t", "https://s/t"),
            ("http://http:80/http", "http://http/http"),
        ],
    )
    def test_the_port_may_be_there_or_not(self, signed_for: str, called: str) -> None:
        replace(sign_form(b"a=1", address=signed_for), url=called).verify()

    @pytest.mark.parametrize(
        "called",
        [
            "http://shop.example.com/t",
            "https://shop.example.com/t/",
            "https://shop.example.com/T",
            "https://shop.example.com/t?",
            "https://shop.example.com/t?a=1",
            "https://other.example.com/t",
            "https://shop.example.com:99999/t",
            "https://shop.example.com:x/t",
            "https://[shop.example.com/t",
            "shop.example.com/t",
            "",
            "\ud800",
            None,
        ],
    )
    def test_another_url_is_refused(self, called: str | None) -> None:
        with pytest.raises(SignatureError):
            replace(sign_form(b"a=1", address="https://shop.example.com/t"), url=called).verify()

    def test_repeated_fields_count_once_for_each_value(self) -> None:
        """As in Twilio's own libraries; so does their order not matter."""
        genuine = sign_form(b"M=2&M=1&M=2&A=0")

        for equal in (b"M=2&M=1&M=2&A=0", b"A=0&M=1&M=2", b"M=2&A=0&M=1&A=0"):
            replace(genuine, body=equal).verify()
        for different in (b"M=2&A=0", b"M=1&M=2", b"M=2&M=1&M=3&A=0", b"m=2&M=1&A=0"):
            with pytest.raises(MismatchError):
                replace(genuine, body=different).verify()

    def test_empty_and_odd_fields_are_signed_too(self) -> None:
        for body in (b"Body=&A=1", b"Body=%E7%8C%AB+%2B%26%3D", b"", b"=1", b"a=b=c"):
            sign_form(body).verify()

    @pytest.mark.parametrize("body", [b"\xff=1", b"a=%ff", b"%c3=1", b"a=\xed\xa0\x80"])
    def test_a_form_that_is_not_utf_8_is_refused(self, body: bytes) -> None:
        with pytest.raises(SignatureError, match="cannot be read"):
            replace(sign_form(b"a=1"), body=body).verify()

    def test_a_form_of_a_million_fields_is_refused_unread(self) -> None:
        started = time.process_time()

        with pytest.raises(SignatureError, match="cannot be read"):
            replace(sign_form(b"a=1"), body=b"a&" * 10**6).verify()

        assert time.process_time() - started < 0.5

    def test_the_hash_in_the_url_must_be_that_of_the_body(self) -> None:
        genuine = sign_json()
        genuine.verify()

        with pytest.raises(SignatureError, match="bodySHA256"):
            replace(genuine, body=b'{"a":2}').verify()

    @pytest.mark.parametrize("body", [b'{"a":1}', b'{"a":2}', b"", b"a=1"])
    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?bodySHA256",
            "?bodySHA256=",
            "?bodySHA256={HASH}",
            "?bodySHA256={hash}&bodySHA256={hash}",
            "?bodySHA256={other}",
            "?bodySHA256={other}&bodySHA256={hash}",
            "?bodysha256={hash}",
            "?bodySHA256=+{hash}",
            "?bodySHA256=é",
            "?bodySHA256=%FF",
            "#bodySHA256={hash}",
        ],
    )
    def test_no_other_query_stands_for_a_body(self, query: str, body: bytes) -> None:
        genuine, digest = sign_json(), hashlib.sha256(b'{"a":1}').hexdigest()
        values = {"hash": digest, "HASH": digest.upper(), "other": hashlib.sha256(b'{"a":2}').hexdigest()}

        with pytest.raises(SignatureError):
            replace(genuine, body=body, url=ADDRESS + query.format(**values)).verify()

    @pytest.mark.parametrize("value", ["{HASH}", "{hash}&bodySHA256={hash}", "{other}", "{hash}0", "x"])
    def test_a_wrong_hash_is_refused_although_the_url_is_signed(self, value: str) -> None:
        body, digest = b'{"a":1}', hashlib.sha256(b'{"a":1}').hexdigest()
        values = {"hash": digest, "HASH": digest.upper(), "other": hashlib.sha256(b'{"a":2}').hexdigest()}
        url = f"{ADDRESS}?bodySHA256={value.format(**values)}"

        with pytest.raises(SignatureError, match="bodySHA256"):
            replace(sign_form(b"", address=url), body=body).verify()

    def test_json_without_its_hash_is_refused(self) -> None:
        """The URL alone is signed: nothing would speak for the body."""
        with pytest.raises(MismatchError):
            replace(sign_form(b""), body=b'{"a":1}').verify()


def sign_v1a(private: Ed25519PrivateKey, request: SignedRequest) -> str:
    head = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode()
    return "v1a," + base64.b64encode(private.sign(head + request.body)).decode()


def public_key(private: Ed25519PrivateKey) -> str:
    return "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()


PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ANOTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


class TestStandardWebhooks:
    def test_one_good_signature_in_a_list_is_enough(self) -> None:
        genuine = sign_sample("standard-webhooks")
        several = f"v1,AAAA v1a,BBBB rubbish v1 {genuine.headers['webhook-signature']} v2,CCCC"

        genuine.with_header("webhook-signature", several).verify()

    @pytest.mark.parametrize("version", ["v2", "V1", "v1a", "", "v1 "])
    def test_another_version_does_not_count(self, version: str) -> None:
        genuine = sign_sample("standard-webhooks")
        _, _, signature = genuine.headers["webhook-signature"].partition(",")

        with pytest.raises(SignatureError):
            genuine.with_header("webhook-signature", f"{version},{signature}").verify()

    @pytest.mark.parametrize("secret", ["cGFkZGVkIHNlY3JldA==", "whsec_cGFkZGVkIHNlY3JldA"])
    def test_a_secret_may_lack_its_prefix_or_padding(self, secret: str) -> None:
        event = make_event("standard-webhooks", random.Random(1))
        headers = dict(sign("standard-webhooks", event, "whsec_cGFkZGVkIHNlY3JldA==", NOW, ADDRESS))

        SignedRequest("standard-webhooks", event.body, headers).verify(secret)

    def test_v1a_passes_with_the_public_key(self) -> None:
        genuine = sign_sample("standard-webhooks")
        request = genuine.with_header("webhook-signature", sign_v1a(PRIVATE, genuine))

        request.verify(public_key(PRIVATE))
        request.verify(public_key(PRIVATE).rstrip("="))
        request.verify(SECRETS["standard-webhooks"], public_key(ANOTHER), public_key(PRIVATE))
        for secrets in ([public_key(ANOTHER)], [SECRETS["standard-webhooks"]], []):
            with pytest.raises(MismatchError):
                request.verify_with(secrets)

    def test_v1a_covers_id_time_and_body(self) -> None:
        genuine = sign_sample("standard-webhooks")
        request = genuine.with_header("webhook-signature", sign_v1a(PRIVATE, genuine))

        for forged in (
            replace(request, body=request.body + b" "),
            request.with_header("webhook-id", "msg_2"),
            request.with_header("webhook-timestamp", f"{NOW + 1:.0f}"),
        ):
            with pytest.raises(MismatchError):
                forged.verify(public_key(PRIVATE))

    def test_in_a_mixed_list_either_kind_is_enough(self) -> None:
        genuine = sign_sample("standard-webhooks")
        v1, v1a = genuine.headers["webhook-signature"], sign_v1a(PRIVATE, genuine)
        mixed = genuine.with_header("webhook-signature", f"{v1} {v1a}")

        mixed.verify(SECRETS["standard-webhooks"])
        mixed.verify(public_key(PRIVATE))
        genuine.with_header("webhook-signature", f"v1,AAAA {v1a}").verify(public_key(PRIVATE))
        genuine.with_header("webhook-signature", f"v1a,AAAA {v1}").verify(SECRETS["standard-webhooks"])

    @pytest.mark.parametrize("rubbish", ["", "=", "!", "AAAA", "é", "A" * 88, "A" * 86 + "==", "\ud800", "A" * 5000])
    def test_rubbish_among_v1a_is_passed_over(self, rubbish: str) -> None:
        genuine = sign_sample("standard-webhooks")
        good = sign_v1a(PRIVATE, genuine)

        genuine.with_header("webhook-signature", f"v1a,{rubbish} {good}").verify(public_key(PRIVATE))
        with pytest.raises(MismatchError):
            genuine.with_header("webhook-signature", f"v1a,{rubbish}").verify(public_key(PRIVATE))

    def test_only_one_spelling_of_v1a_passes(self) -> None:
        genuine = sign_sample("standard-webhooks")
        good = sign_v1a(PRIVATE, genuine)

        for forged in (good.rstrip("="), good + "=", good[:-3] + chr(ord(good[-3]) + 1) + "=="):
            with pytest.raises(MismatchError):
                genuine.with_header("webhook-signature", forged).verify(public_key(PRIVATE))

    @pytest.mark.parametrize("prefix", ["whpk_", "whsk_", "whsec_whpk_", "whsec_whsk_", "whpk_whsec_", " whpk_"])
    def test_a_key_of_the_other_kind_is_never_a_shared_secret(self, prefix: str) -> None:
        """Anybody may know the public key, and could sign with it."""
        raw = PRIVATE.public_key().public_bytes_raw()
        event = make_event("standard-webhooks", random.Random(7))
        headers = dict(sign("standard-webhooks", event, "whsec_" + base64.b64encode(raw).decode(), NOW, ADDRESS))

        with pytest.raises(MismatchError):
            SignedRequest("standard-webhooks", event.body, headers).verify(prefix + base64.b64encode(raw).decode())

    @pytest.mark.parametrize("key", ["", "AAAA", "!", "A" * 44, "é", "A" * 1000])
    def test_a_public_key_that_is_none_matches_nothing(self, key: str) -> None:
        genuine = sign_sample("standard-webhooks")

        with pytest.raises(MismatchError):
            genuine.with_header("webhook-signature", sign_v1a(PRIVATE, genuine)).verify(f"whpk_{key}")


class TestHmacSha256:
    def test_base64_and_another_header(self) -> None:
        headers = {"x-shop-mac": "UVquEztDXUAAlWcx9orlz164XU8NxqVG0r/NNZXsGuE="}
        options = SchemeOptions(header="X-Shop-MAC", encoding="base64")

        verify("hmac-sha256", body=b"body", headers=headers, secrets=["key"], now=NOW, options=options)

    def test_hex_without_prefix_is_the_default(self) -> None:
        digest = "515aae133b435d4000956731f68ae5cf5eb85d4f0dc6a546d2bfcd3595ec1ae1"

        verify("hmac-sha256", body=b"body", headers={"X-Signature-256": digest}, secrets=["key"], now=NOW)
