"""Opening: a customer gets a session and a ticket for its socket, an agent a ticket for the desk.

``POST /chat/sessions`` takes ``identity`` (the shop's word for who the customer is) and ``token`` (to resume or renew),
both in the body, never in an address. Whatever is wrong with either is answered 401, and never says what it was.

So is a page of another origin: a browser names the origin of the page that asks, and only our own pages ask. Whoever
is no browser names none.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from chalicelib import telemetry
from chalicelib.aws.rest import Answer, HttpRequest
from chalicelib.chat.frames import iso
from chalicelib.chat.sessions import Session, Sessions
from chalicelib.chat.tokens import Identity, Ticket, Token, Tokens
from chalicelib.errors import InvalidBodyError, RequestError, TooLargeError, UnauthorizedError

MAX_BODY_BYTES = 16 * 1024


@dataclass(frozen=True)
class Opening:
    """Opens sessions. ``websocket_url`` is where clients connect.

    ``origins`` are those of our pages, as ``https://host``, beside that under which a request arrives.
    """

    sessions: Sessions
    tokens: Tokens
    websocket_url: str
    origins: Collection[str] = ()

    def open(self, request: HttpRequest) -> Answer:
        """Answer 201 with a session, new or resumed, and where its socket opens."""
        try:
            self._require_own_page(request)
            identity_text, token_text = _read(request.body)
            identity = self.tokens.read_identity(identity_text) if identity_text else None
            token = self.tokens.read_token(token_text) if token_text else None
            if token and token.agent:
                return self._open_desk(token, str(token_text))
            return self._open_session(identity, token)
        except RequestError as error:
            telemetry.count("ChatSessionsRefused", reason=error.code)
            telemetry.logger.warning("session refused", reason=error.code)
            raise

    def _require_own_page(self, request: HttpRequest) -> None:
        """The gateway does not say by which scheme it was called, so that the host has to do."""
        origin = request.headers.get("origin")
        if origin is None or origin in self.origins:
            return
        scheme, _, host = origin.partition("://")
        if scheme not in ("http", "https") or not host or host != request.headers.get("host", "").lower():
            raise UnauthorizedError("Pages of this origin may not use the chat.")

    def _open_session(self, identity: Identity | None, token: Token | None) -> Answer:
        if token and token.session_id:
            text, ticket = self.tokens.ticket(session_id=token.session_id)
            session = self.sessions.resume(token.session_id, identity, ticket.id)
        else:
            session_id = self.sessions.make_id()
            text, ticket = self.tokens.ticket(session_id=session_id)
            session = self.sessions.open(session_id, identity, ticket.id)
        telemetry.logger.info("session opened", session_id=session.session_id, resumed=token is not None)
        telemetry.count("ChatSessionsResumed" if token else "ChatSessionsOpened")
        return self._answer(session, text, resumed=token is not None)

    def _open_desk(self, token: Token, text: str) -> Answer:
        ticket, _ = self.tokens.ticket(agent=token.agent, until=token.expires_at)
        body = {
            "session_id": None,
            "token": text,
            "websocket_url": self._socket(ticket),
            "expires_at": iso(token.expires_at),
            "resumed": True,
        }
        return Answer(body, HTTPStatus.CREATED)

    def _answer(self, session: Session, ticket: str, *, resumed: bool) -> Answer:
        token, expires_at = self.tokens.session_token(session.session_id, session.ends_at)
        body = {
            "session_id": session.session_id,
            "token": token,
            "websocket_url": self._socket(ticket),
            "expires_at": iso(expires_at),
            "resumed": resumed,
        }
        return Answer(body, HTTPStatus.CREATED)

    def _socket(self, ticket: str) -> str:
        return f"{self.websocket_url}?{urlencode({'ticket': ticket})}"


def read_ticket(tokens: Tokens, query: dict[str, Any] | None) -> Ticket:
    """The ticket of a ``$connect``; ``UnauthorizedError`` when there is none that is valid."""
    text = (query or {}).get("ticket")
    if not isinstance(text, str):
        raise UnauthorizedError
    return tokens.read_ticket(text)


def _read(body: bytes) -> tuple[str | None, str | None]:
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"The body may have {MAX_BODY_BYTES} bytes.")
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise InvalidBodyError(["The body is not JSON."]) from None
    if not isinstance(document, dict):
        raise InvalidBodyError(["The body must be a JSON object."])
    reasons = [
        f"`{name}` must be a text."
        for name in ("identity", "token")
        if document.get(name) is not None and not isinstance(document[name], str)
    ]
    if reasons:
        raise InvalidBodyError(reasons)
    return document.get("identity") or None, document.get("token") or None
