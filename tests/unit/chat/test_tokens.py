"""Tokens: what is let through, and all that is not."""

import base64
import json
import warnings
from typing import Any

import jwt
import pytest

from chalicelib.aws.secret_lists import SecretLists
from chalicelib.aws.secrets import SecretCache
from chalicelib.chat.tokens import IDENTITY_SECONDS, LEEWAY_SECONDS, MAX_TOKEN, SECRET_SECONDS, Identity, Tokens
from chalicelib.errors import UnauthorizedError, UnavailableError
from tests.builders import NOW
from tests.fakes import FakeClock, FakeSecrets

SHOP, OURS, OLD = (f"{name} secret of at least thirty-two bytes" for name in ("shop's", "our", "old"))
TIME = int(NOW)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def tokens(clock: FakeClock) -> Tokens:
    return Tokens(FakeSecrets({"chat-identity": [SHOP], "chat-signing": [OURS, OLD]}), clock)


def sign(claims: dict[str, Any], key: str = SHOP, algorithm: str = "HS256") -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(jwt.encode(claims, key, algorithm=algorithm))


def identity(key: str = SHOP, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "7001", "iat": TIME, "exp": TIME + IDENTITY_SECONDS} | changes
    return sign({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def raw(header: bytes, claims: bytes = b"{}", signature: bytes = b"") -> str:
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (header, claims, signature))


class TestIdentity:
    def test_is_what_the_shop_says(self, tokens: Tokens) -> None:
        assert tokens.read_identity(identity(email="a@example.com", name="Aiko")) == Identity(
            "7001", "a@example.com", "Aiko"
        )
        assert tokens.read_identity(identity(email=5, name="\n")) == Identity("7001")

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": TIME + IDENTITY_SECONDS + 1},
            {"exp": TIME},
            {"exp": TIME - 1},
            {"exp": TIME, "iat": TIME + 5},
            {"iat": TIME + LEEWAY_SECONDS + 1, "exp": TIME + LEEWAY_SECONDS + 100},
            {"exp": None},
            {"iat": None},
            {"sub": None},
            {"iat": str(TIME)},
            {"exp": TIME + 60.5},
            {"exp": True, "iat": False},
            {"exp": [TIME]},
            {"iat": {}, "exp": {}},
            {"exp": 10**400},
            {"sub": ""},
            {"sub": "x" * 256},
            {"sub": "a\nb"},
            {"sub": "anonymous"},
            {"use": "ticket"},
            {"key": OURS},
            {"key": "x" * 32},
            {"algorithm": "HS384"},
            {"algorithm": "HS512"},
        ],
    )
    def test_others_are_refused(self, tokens: Tokens, changes: dict[str, Any]) -> None:
        with pytest.raises(UnauthorizedError, match=r"^The token is not valid\.$"):
            tokens.read_identity(identity(**changes))

    def test_the_shop_s_clock_may_be_a_little_fast(self, tokens: Tokens) -> None:
        assert tokens.read_identity(identity(iat=TIME + LEEWAY_SECONDS, exp=TIME + 60))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "a.b.c",
        "ü.é.ß",
        "\ud800",
        "\0",
        raw(b'{"alg":"none"}', json.dumps({"sub": "7001", "iat": TIME, "exp": TIME + 60}).encode()),
        raw(b'{"alg":"RS256"}'),
        raw(b'{"alg":null}'),
        raw(b"[]"),
        raw(b"[" * 2_900),
        raw(b'{"alg":"HS256","crit":["x"]}'),
        raw(b'{"alg":"HS256","kid":["x"]}'),
        "x" * (MAX_TOKEN + 1),
        f"{raw(b'{}')}.more.parts",
    ],
)
def test_what_is_no_token_is_refused(tokens: Tokens, text: str) -> None:
    for read in (tokens.read_identity, tokens.read_token, tokens.read_ticket):
        with pytest.raises(UnauthorizedError):
            read(text)


def test_a_public_key_is_no_secret(tokens: Tokens) -> None:
    """The confusion of algorithms: a text that everybody knows, such as a public key, must not be one that signs."""
    with pytest.raises(UnauthorizedError):
        tokens.read_token(sign({"use": "session", "sub": "s", "iat": TIME, "exp": TIME + 60}, "chat-signing" * 4))


class TestUses:
    def test_each_is_good_for_its_own_alone(self, tokens: Tokens) -> None:
        made = {
            "session": tokens.session_token("s", TIME + 60)[0],
            "agent": tokens.agent_token("Ann", 60)[0],
            "ticket": tokens.ticket(session_id="s")[0],
            "agent-ticket": tokens.ticket(agent="Ann")[0],
        }

        for use, text in made.items():
            read, foreign = tokens.read_token, tokens.read_ticket
            if "ticket" in use:
                read, foreign = foreign, read  # type: ignore[assignment]
            found = read(text)
            assert (found.session_id, found.agent) == ((None, "Ann") if "agent" in use else ("s", None))
            for other in (foreign, tokens.read_identity):
                with pytest.raises(UnauthorizedError):
                    other(text)

    def test_a_ticket_lives_for_a_minute(self, tokens: Tokens, clock: FakeClock) -> None:
        text, ticket = tokens.ticket(session_id="s")
        clock.now += 59
        assert tokens.read_ticket(text) == ticket
        clock.now += 1
        with pytest.raises(UnauthorizedError):
            tokens.read_ticket(text)

    def test_a_session_s_token_ends_with_it(self, tokens: Tokens) -> None:
        assert tokens.session_token("s", TIME + 5)[1] == TIME + 5
        assert tokens.session_token("s", TIME + 10**6)[1] == TIME + 86_400


class TestRotation:
    def test_what_was_rotated_away_is_forgotten_within_half_a_minute(self, clock: FakeClock) -> None:
        """Without an overlap; what a warm function has read does not know of it."""
        stored = {"secrets": [OURS]}

        cache = SecretCache(lambda _: json.dumps(stored), clock)
        warm = Tokens(SecretLists(cache, "", clock, SECRET_SECONDS), clock)
        forged = sign({"use": "agent", "sub": "Mallory", "iat": TIME, "exp": TIME + 600}, OURS)
        assert warm.read_token(forged)

        stored["secrets"] = [SHOP]
        clock.now += SECRET_SECONDS + 1

        with pytest.raises(UnauthorizedError):
            warm.read_token(forged)
        text, _ = warm.session_token("s", TIME + 600)
        assert jwt.decode(text, SHOP, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})

    def test_the_newest_signs_and_all_verify(self, tokens: Tokens) -> None:
        text, _ = tokens.session_token("s", TIME + 60)

        assert jwt.decode(text, OURS, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False})
        old = sign({"use": "session", "sub": "s", "iat": TIME, "exp": TIME + 60}, OLD)
        assert tokens.read_token(old).session_id == "s"

    def test_one_that_is_not_known_yet_is_looked_for(self, clock: FakeClock) -> None:
        secrets = FakeSecrets({"chat-identity": [OLD]}, stored={"chat-identity": [SHOP, OLD]})

        assert Tokens(secrets, clock).read_identity(identity())
        assert secrets.refreshes == 1

    def test_short_ones_do_not_count(self, clock: FakeClock) -> None:
        short = "x" * 31
        tokens = Tokens(FakeSecrets({"chat-identity": [short], "chat-signing": [short]}), clock)

        with pytest.raises(UnauthorizedError):
            tokens.read_identity(identity(short))
        with pytest.raises(UnavailableError):
            tokens.session_token("s", TIME + 60)


@pytest.mark.parametrize("claims", [{"use": ["session"]}, {"use": {"session": 1}}, {"sub": ""}, {"sub": "  "}])
def test_one_that_is_signed_may_still_be_malformed(tokens: Tokens, claims: dict[str, Any]) -> None:
    for use in ("agent", "agent-ticket"):
        text = sign({"use": use, "sub": "Ann", "jti": "1", "iat": TIME, "exp": TIME + 60, **claims}, OURS)
        with pytest.raises(UnauthorizedError):
            (tokens.read_token if use == "agent" else tokens.read_ticket)(text)


def test_an_agents_ticket_knows_when_its_token_ends(tokens: Tokens) -> None:
    assert tokens.read_ticket(tokens.ticket(agent="Ann", until=TIME + 600)[0]).until == TIME + 600
    assert tokens.read_ticket(tokens.ticket(agent="Ann")[0]).until is None
