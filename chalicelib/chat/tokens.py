"""Tokens: who a customer is, whose a session is, and tickets that open a socket once.

All are JWTs signed with HS256. The shop's backend signs ``identity`` tokens, with secrets it shares with Frontdesk;
everything else is signed by Frontdesk, with secrets of its own. Of both there may be several at a time, the newest
first, so that each can be rotated: the newest signs, all of them verify.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from chalicelib.errors import UnauthorizedError, UnavailableError

ALGORITHM = "HS256"
TICKET_SECONDS = 60
SESSION_SECONDS = 86_400
IDENTITY_SECONDS = 300
"""The longest life of an identity token, which the shop makes for each use."""

LEEWAY_SECONDS = 10
"""By how much the shop's clock may differ."""

MAX_TOKEN = 4_096
"""Characters; ours have some 250, and no shop's needs so many."""

SECRET_SECONDS = 30.0
"""So old the secrets may be: what was rotated away neither signs nor opens anything for longer than that."""

MIN_SECRET_BYTES = 32
"""RFC 7518, section 3.2: a key of at least the hash's size."""

ANONYMOUS = "anonymous"


class Keys(Protocol):
    """The active secrets of a purpose."""

    def active(self, name: str) -> Sequence[str]:
        """All of them, newest first."""

    def refreshed(self, name: str) -> Sequence[str]:
        """The same, read anew unless that was done a moment ago."""


@dataclass(frozen=True)
class Identity:
    """A customer as the shop knows them."""

    customer_id: str
    email: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Ticket:
    """Leave to open one socket, for a customer's session or for an agent. ``id`` is used up by that.

    ``until`` is when the socket's leave ends, that of the agent's token, in seconds since the epoch.
    """

    id: str
    session_id: str | None = None
    agent: str | None = None
    until: int | None = None


@dataclass(frozen=True)
class Token:
    """Proof that somebody owns a session, or that they are an agent. ``expires_at`` is in seconds since the epoch."""

    session_id: str | None
    agent: str | None
    expires_at: int


@dataclass(frozen=True)
class Tokens:
    """Makes and reads tokens. ``keys`` has the secrets ``chat-identity`` and ``chat-signing``."""

    keys: Keys
    clock: Callable[[], float]

    def read_identity(self, text: str) -> Identity:
        """Who the shop says a customer is. ``UnauthorizedError``, which does not tell why."""
        claims = self._read(text, "chat-identity", None)
        if "use" in claims:  # one of our own, signed with the shop's secret by a mistake of configuration
            raise UnauthorizedError
        if not 0 < claims["exp"] - claims["iat"] <= IDENTITY_SECONDS:
            raise UnauthorizedError
        subject = claims["sub"]
        if not (0 < len(subject) <= 255 and subject.isprintable()) or subject == ANONYMOUS:
            raise UnauthorizedError
        return Identity(subject, _text(claims.get("email")), _text(claims.get("name")))

    def session_token(self, session_id: str, until: int) -> tuple[str, int]:
        """A token of a session and when it expires, at ``until`` at the latest."""
        return self._sign("session", session_id, min(self._now() + SESSION_SECONDS, until))

    def agent_token(self, name: str, seconds: int) -> tuple[str, int]:
        return self._sign("agent", name, self._now() + seconds)

    def ticket(
        self, *, session_id: str | None = None, agent: str | None = None, until: int | None = None
    ) -> tuple[str, Ticket]:
        """A ticket as a text, and what it says."""
        ticket = Ticket(uuid4().hex, session_id, agent, until)
        kind, subject = ("ticket", session_id) if session_id else ("agent-ticket", agent)
        assert subject is not None
        more = {"jti": ticket.id} | ({"until": until} if until is not None else {})
        text, _ = self._sign(kind, subject, self._now() + TICKET_SECONDS, more)
        return text, ticket

    def read_token(self, text: str) -> Token:
        """Whose token it is. ``UnauthorizedError`` for anything else, which does not tell why."""
        claims = self._read(text, "chat-signing", {"session", "agent"})
        subject = claims["sub"]
        is_agent = claims["use"] == "agent"
        return Token(None if is_agent else subject, subject if is_agent else None, claims["exp"])

    def read_ticket(self, text: str) -> Ticket:
        claims = self._read(text, "chat-signing", {"ticket", "agent-ticket"})
        subject, is_agent = claims["sub"], claims["use"] == "agent-ticket"
        until = claims["until"] if _is_whole_number(claims.get("until")) else None
        return Ticket(str(claims.get("jti")), None if is_agent else subject, subject if is_agent else None, until)

    def _sign(self, use: str, subject: str, expires_at: int, more: Mapping[str, Any] | None = None) -> tuple[str, int]:
        import jwt

        secrets = self._secrets("chat-signing")
        if not secrets:
            raise UnavailableError("The chat has no secret to sign with.")
        claims = {"use": use, "sub": subject, "iat": self._now(), "exp": expires_at, **(more or {})}
        return jwt.encode(claims, secrets[0], algorithm=ALGORITHM), expires_at

    def _read(self, text: str, name: str, uses: set[str] | None) -> Mapping[str, Any]:
        """The claims of a token that is signed, in time and made for one of ``uses``."""
        if len(text) > MAX_TOKEN:
            raise UnauthorizedError
        secrets = self._secrets(name)
        claims = _verified(text, secrets) or _verified(text, self._secrets(name, fresh=True))
        now = self.clock()
        if claims is None or not _is_whole(claims):
            raise UnauthorizedError
        if not claims["iat"] - LEEWAY_SECONDS <= now < claims["exp"]:
            raise UnauthorizedError
        if uses is not None and not (isinstance(claims.get("use"), str) and claims["use"] in uses):
            raise UnauthorizedError
        return claims

    def _secrets(self, name: str, *, fresh: bool = False) -> list[str]:
        found = self.keys.refreshed(name) if fresh else self.keys.active(name)
        return [secret for secret in found if len(secret.encode()) >= MIN_SECRET_BYTES]

    def _now(self) -> int:
        return int(self.clock())


def _verified(text: str, secrets: Sequence[str]) -> Mapping[str, Any] | None:
    """What a token says, when one of the secrets signed it. Times are checked by who asks, by its own clock."""
    import jwt

    unchecked = {
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_aud": False,
        "verify_sub": False,
    }
    for secret in secrets:
        try:
            claims: Mapping[str, Any] = jwt.decode(text, secret, algorithms=[ALGORITHM], options=unchecked)  # type: ignore[arg-type]
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):  # the header is read before the signature
            continue
        return claims
    return None


def _is_whole(claims: Mapping[str, Any]) -> bool:
    is_named = isinstance(claims.get("sub"), str) and claims["sub"].strip() != ""
    return is_named and _is_whole_number(claims.get("iat")) and _is_whole_number(claims.get("exp"))


def _is_whole_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None
