"""HTTP to the bank: one request, which never takes longer than it may, whatever the bank does meanwhile.

The time limits of ``requests`` are those of a single read: a bank that sends a byte a second keeps to them for hours,
and a name server that does not answer knows none. So each request runs in a thread of its own, which is waited for,
and abandoned when it is late: what it has not begun to send it never sends, and its connection is cut off.

Importing this module takes a tenth of a second; whoever may not need the bank imports it late.
"""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from chalicelib.voice.deadline import run_within
from chalicelib.voice.exchange import Answer, BankUnavailableError, Request

# It quotes headers that it cannot read.
logging.getLogger("urllib3").setLevel(logging.ERROR)

MAX_BODY_BYTES = 64 * 1024
"""A hundred times what the largest answer has."""

MAX_IDLE_SECONDS = 20.0
"""A connection idle for longer is opened anew: servers drop idle ones, often after a minute or half of it, and a
function that sleeps between its invocations does not notice."""

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "frontdesk"}


class BankTransport:
    """Sends requests to the API at ``url`` through one session. ``clock`` gives seconds, and does not stop in sleep."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._session = requests.Session()
        # No proxies, and no passwords of a .netrc in the place of our key.
        self._session.trust_env = False
        self._session.headers.clear()
        self._session.headers.update(_HEADERS)
        # Nothing that belongs to one caller may travel with the next.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.mount("http://", _Adapter())
        self._session.mount("https://", _Adapter())

    def send(self, request: Request, key: str, seconds: float) -> Answer:
        """The answer, whatever its status; ``BankUnavailableError`` when none came whole within ``seconds``."""
        sending = _Sending(self._clock, request.is_repeatable)
        try:
            return run_within(seconds, partial(self._exchange, sending, request, key, seconds))
        except TimeoutError:
            is_sent = sending.abandon()
        raise BankUnavailableError("The bank did not answer in time.", failure="late", is_sent=is_sent)

    def _exchange(self, sending: "_Sending", request: Request, key: str, seconds: float) -> Answer:
        _thread.sending = sending
        try:
            prepared = self._prepare(request, key)
            # Lateness is decided where this is waited for; the socket's own limit only ends what connects in vain.
            limit = seconds + 1
            with self._session.send(prepared, stream=True, allow_redirects=False, timeout=limit) as response:
                body = _read_body(response)
            sending.used_at(self._clock())
            return Answer(response.status_code, body, _seconds(response.headers.get("Retry-After", "")))
        except Exception as error:  # noqa: BLE001 - the boundary of a thread, for what is no more than a request that failed
            # Its text may quote what was sent or answered.
            reason = type(error).__name__
        if sending.is_sent:
            raise BankUnavailableError(f"The bank broke off: {reason}.", failure="dropped", is_sent=True)
        raise BankUnavailableError(f"The bank cannot be reached: {reason}.", failure="unreachable")

    def _prepare(self, request: Request, key: str) -> requests.PreparedRequest:
        headers = {**request.headers, "x-api-key": key}
        body = None
        if request.body is not None:
            body = json.dumps(request.body).encode()
            headers["Content-Type"] = "application/json"
        return self._session.prepare_request(
            requests.Request(request.method, self._url + request.path, headers=headers, data=body)
        )


def _read_body(response: requests.Response) -> bytes:
    """The whole body; one that ends early, or not soon enough, raises."""
    body = b""
    while piece := response.raw.read(MAX_BODY_BYTES + 1, decode_content=False):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise _TooLongError
    return body


def _seconds(text: str) -> float:
    """A Retry-After in seconds. One that is a date counts as none: no caller waits until then."""
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0


class _TooLongError(Exception):
    """The body is longer than any that the bank has cause to send."""


class _AbandonedError(Exception):
    """Nobody waits for this request any more, and nothing of it was sent."""


class _Sending:
    """A request on its way, where the thread that sends it and the one that waits for it meet."""

    def __init__(self, clock: Callable[[], float], is_repeatable: bool) -> None:
        self.is_sent = False
        self._clock = clock
        self._is_repeatable = is_repeatable
        self._is_abandoned = False
        self._connection: _Remembering | None = None
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def may_use(self, connection: "_Remembering") -> bool:
        """Whether an open connection serves: not if it may have died unnoticed, or if the request has one try only."""
        return self._is_repeatable and self._clock() - connection.last_used_at <= MAX_IDLE_SECONDS

    def begin(self, connection: "_Remembering") -> None:
        """Called when the first byte is about to go through a connection that is open."""
        with self._lock:
            if self._is_abandoned:
                raise _AbandonedError
            # The connection forgets its socket when the bank says it will close it.
            self._connection, self._socket = connection, connection.sock
            self.is_sent = True

    def used_at(self, now: float) -> None:
        if self._connection:
            self._connection.last_used_at = now

    def abandon(self) -> bool:
        """From now on nothing is sent, and what was sent gets no answer. Whether anything was sent."""
        with self._lock:
            self._is_abandoned = True
            if self._socket:
                with suppress(OSError):
                    # Wakes the thread that reads. TLS's own shutdown would wait for that thread.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            return self.is_sent


_thread = threading.local()


class _Remembering(HTTPConnection):
    """A connection that knows when it was last used, and asks before it sends."""

    last_used_at = 0.0

    def connect(self) -> None:
        self.last_used_at = 0.0
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        sending: _Sending = _thread.sending
        if self.sock is not None and self.last_used_at and not sending.may_use(self):
            self.close()
        if self.sock is None:
            self.connect()
        sending.begin(self)
        super().request(*args, **kwargs)


class _RememberingTls(_Remembering, HTTPSConnection):
    """The same, encrypted."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Remembering


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _RememberingTls


class _Adapter(HTTPAdapter):
    """The adapter of ``requests``, with our connections; the hooks are those urllib3 offers for it."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
