"""Signatures as the providers publish them, and as their own libraries make and check them.

GitHub, Meta and Shopify have no Python library that signs or checks the body of a webhook.
"""

import random
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import Clock, SignatureVerifier
from standardwebhooks import Webhook, WebhookVerificationError
from twilio.request_validator import RequestValidator

from chalicelib.webhooks.signatures import verify
from localcloud.event import FORM
from localcloud.samples import make_event
from tests.builders import NOW
from tests.signed import ADDRESS, SECRETS, SignedRequest, sign_event, sign_sample

BODIES = ["{}", '{"title": "灯台の猫 2"}', " ", "a=b&c=%20\r\n"]


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

    def test_slack(self) -> None:
        body = (
            b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
            b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
            b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
            b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
        )
        headers = {
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        }

        verify("slack", body=body, headers=headers, secrets=["8f742231b10e8888abcd99yyyzzz85a5"], now=1531420618)

    def test_twilio(self) -> None:
        body = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        headers = {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}

        verify("twilio", body=body, headers=headers, secrets=["12345"], now=NOW, url=url)


class TestStripe:
    """Its library takes a moment to import, and reads the clock itself."""

    @pytest.mark.parametrize("body", BODIES)
    def test_what_the_library_signs_passes(self, body: str) -> None:
        from stripe import WebhookSignature

        header = WebhookSignature.generate_signature_header(body, SECRETS["stripe"], timestamp=int(NOW))

        SignedRequest("stripe", body.encode(), {"Stripe-Signature": header}).verify()

    def test_what_is_signed_here_passes_the_library(self) -> None:
        from stripe import Webhook as StripeWebhook

        request = sign_sample("stripe", now=time.time())

        event = StripeWebhook.construct_event(request.body, request.headers["Stripe-Signature"], SECRETS["stripe"])

        assert event.id == make_event("stripe", random.Random(7)).event_id

    def test_the_library_refuses_another_secret(self) -> None:
        from stripe import SignatureVerificationError, WebhookSignature

        request = sign_sample("stripe", now=time.time())

        with pytest.raises(SignatureVerificationError):
            WebhookSignature.verify_header(request.body, request.headers["Stripe-Signature"], "another", 300)


class FixedClock(Clock):
    def now(self) -> float:
        return NOW


class TestSlack:
    verifier = SignatureVerifier(SECRETS["slack"], FixedClock())

    @pytest.mark.parametrize("body", BODIES)
    def test_what_the_library_signs_passes(self, body: str) -> None:
        timestamp = f"{NOW:.0f}"
        signature = self.verifier.generate_signature(timestamp=timestamp, body=body)
        assert signature

        headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}
        SignedRequest("slack", body.encode(), headers).verify()

    def test_what_is_signed_here_passes_the_library(self) -> None:
        chance = random.Random(7)
        requests = [sign_event("slack", make_event("slack", chance)) for _ in range(20)]

        assert {request.headers["Content-Type"] for request in requests} == {FORM, "application/json"}
        assert all(self.verifier.is_valid_request(request.body, request.headers) for request in requests)
        assert not self.verifier.is_valid_request(b"{}", requests[0].headers)


class TestTwilio:
    validator = RequestValidator(SECRETS["twilio"])

    @pytest.mark.parametrize(
        "address",
        [
            ADDRESS,
            f"{ADDRESS}?a=1&b=%20",
            "https://shop.example.com:443/twilio",
            "https://shop.example.com:8443/twilio",
            "http://localhost:8000/webhooks/twilio",
            "https://shop.example.com",
        ],
    )
    @pytest.mark.parametrize(
        "form",
        ["", "Body=", "To=%2B1&From=%2B2", "b=2&B=1&a=0", "Media=2&Media=1&Media=2", "Body=%E7%8C%AB+%26+100%25&A=1"],
    )
    def test_what_the_library_signs_passes_however_the_port_is_written(self, address: str, form: str) -> None:
        fields = MultiDict(form)
        for called in (address, address.replace("https://shop.example.com/", "https://shop.example.com:443/")):
            signature = self.validator.compute_signature(called, fields)

            SignedRequest("twilio", form.encode(), {"X-Twilio-Signature": signature}, address).verify()
            assert self.validator.validate(address, fields, signature)

    def test_the_hash_of_json_is_the_librarys(self) -> None:
        body = BODIES[1]
        url = f"{ADDRESS}?bodySHA256={self.validator.compute_hash(body)}"
        signature = self.validator.compute_signature(url, {})

        SignedRequest("twilio", body.encode(), {"X-Twilio-Signature": signature}, url).verify()

    def test_what_is_signed_here_passes_the_library(self) -> None:
        chance = random.Random(7)
        requests = [sign_event("twilio", make_event("twilio", chance)) for _ in range(20)]

        assert {request.headers["Content-Type"] for request in requests} == {FORM, "application/json"}
        assert all(self.accepts(request) for request in requests)
        assert not any(self.accepts(request.with_header("X-Twilio-Signature", "AAAA")) for request in requests)

    def accepts(self, request: SignedRequest) -> bool:
        text = request.body.decode()
        parameters = MultiDict(text) if request.headers["Content-Type"] == FORM else text
        return bool(self.validator.validate(request.url, parameters, request.headers["X-Twilio-Signature"]))


class MultiDict(dict[str, list[str]]):
    """A form as web frameworks hand it to the library."""

    def __init__(self, form: str) -> None:
        super().__init__(parse_qs(form, keep_blank_values=True))

    def getlist(self, name: str) -> list[str]:
        return self[name]


class TestStandardWebhooks:
    library = Webhook(SECRETS["standard-webhooks"])

    @pytest.mark.parametrize("body", BODIES)
    def test_what_the_library_signs_passes(self, body: str) -> None:
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": f"{NOW:.0f}",
            "webhook-signature": self.library.sign("msg_1", datetime.fromtimestamp(NOW, UTC), body),
        }

        SignedRequest("standard-webhooks", body.encode(), headers).verify()

    def test_what_is_signed_here_passes_the_library(self) -> None:
        request = sign_sample("standard-webhooks", now=time.time())

        assert self.library.verify(request.body, request.headers)["type"].startswith("invoice.")
        with pytest.raises(WebhookVerificationError):
            self.library.verify(b"{}", request.headers)
