"""A bank over real sockets whose answers go wrong in every way that one can wish for."""

import json
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.unit.voice.ledger import Ledger

Request: TypeAlias = tuple[str, str, dict[str, str], bytes]

DRIP_SECONDS = 0.02
ACTING_FAULTS = (
    *("drop_after", "stall_after", "error_after", "act_later", "rubbish", "not_json", "truncated", "endless"),
    *("drip_headers", "drip_body", "drip_closing", "drip_chunks", "continue_forever", "two_answers"),
)
OTHER_FAULTS = ("ok", "drop_before", "reset", "stall_before", "error_before", "limited", "html", "redirect")


def _reply(status: int, body: bytes, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


@dataclass
class FaultyBank:
    """Serves ``ledger``. Each request takes the next of ``faults``, and none when there is no more.

    With ``tls`` it speaks TLS.
    """

    ledger: Ledger = field(default_factory=Ledger)
    faults: deque[str] = field(default_factory=deque)
    tls: ssl.SSLContext | None = None
    connections: int = 0
    requests: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def close(self) -> None:
        """End what still hangs, and return when the ledger changes no more."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._start(lambda connection=connection: self._serve(connection))  # type: ignore[misc]

    def _serve(self, plain: socket.socket) -> None:
        with plain, suppress(OSError), self._secured(plain) as connection:
            connection.settimeout(0.05)
            while (request := self._read(connection)) is not None:
                fault = self.faults.popleft() if self.faults else "ok"
                if not self._play(connection, fault, request):
                    return

    def _read(self, connection: socket.socket) -> Request | None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (byte := self._byte(connection)):
                return None
            head += byte
        method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
        pairs = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
        headers = {name.lower(): value for name, value in pairs}
        body = b""
        for _ in range(int(headers.get("content-length", 0))):
            body += self._byte(connection)
        self.requests.append(f"{method} {path}")
        self.heads.append(head)
        return method, path, headers, body

    def _secured(self, connection: socket.socket) -> socket.socket:
        connection.settimeout(10)
        return self.tls.wrap_socket(connection, server_side=True) if self.tls else connection

    def _byte(self, connection: socket.socket) -> bytes:
        """The next byte, none at the end."""
        while not self._closing.is_set():
            try:
                return connection.recv(1)
            except TimeoutError:
                continue
        return b""

    def _act(self, request: Request) -> tuple[int, bytes]:
        with self._lock:
            status, reply = self.ledger.handle(*request)
        return status, json.dumps(reply).encode()

    def _play(  # noqa: C901, PLR0911, PLR0912, PLR0915 - one branch a fault
        self, connection: socket.socket, fault: str, request: Request
    ) -> bool:
        """Whether the connection stays open."""
        if (fault in ACTING_FAULTS and fault != "act_later") or fault == "ok":
            status, body = self._act(request)
        match fault:
            case "ok":
                connection.sendall(_reply(status, body))
                return True
            case "drop_before" | "drop_after":
                return False
            case "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case "stall_before" | "stall_after":
                self._closing.wait(30)
                return False
            case "act_later":
                self._closing.wait(0.5)
                self._act(request)
                return False
            case "drip_headers":
                self._drip(connection, _reply(status, body, f"X-Padding: {'x' * 1000}"))
            case "drip_body":
                head, _, rest = _reply(status, body + b" " * 1000).partition(b"\r\n\r\n")
                connection.sendall(head + b"\r\n\r\n")
                self._drip(connection, rest)
            case "drip_closing":
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                self._drip(connection, body + b" " * 1000)
            case "drip_chunks":
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                self._drip(connection, b"1\r\n \r\n" * 1000)
            case "continue_forever":
                while not self._closing.wait(DRIP_SECONDS):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            case "endless":
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while not self._closing.is_set():
                    connection.sendall(b" " * 65_536)
            case "error_before" | "error_after":
                connection.sendall(_reply(503, b'{"code": "unavailable", "message": "Later."}'))
                return True
            case "limited":
                connection.sendall(_reply(429, b'{"code": "rate_limited"}', "Retry-After: 0"))
                return True
            case "rubbish":
                connection.sendall(b"\x00\xff\r\nrubbish\r\n\r\n")
            case "not_json":
                connection.sendall(_reply(200, b"<h1>Welcome</h1>"))
            case "html":
                connection.sendall(_reply(404, b"<h1>Not here</h1>"))
            case "redirect":
                connection.sendall(_reply(307, b"", "Location: /elsewhere"))
            case "truncated":
                connection.sendall(_reply(status, body)[:-5])
            case "two_answers":
                connection.sendall(_reply(status, body) + _reply(200, b'{"account_id": "of somebody else"}'))
                return True
            case _:
                raise AssertionError(fault)
        return False

    def _drip(self, connection: socket.socket, data: bytes) -> None:
        for byte in data:
            if self._closing.wait(DRIP_SECONDS):
                return
            connection.sendall(bytes([byte]))


@contextmanager
def faulty_bank(*faults: str, tls: ssl.SSLContext | None = None) -> Iterator[FaultyBank]:
    bank = FaultyBank(faults=deque(faults), tls=tls)
    try:
        yield bank
    finally:
        bank.close()
