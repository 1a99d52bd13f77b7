"""Requests over real sockets, to a bank that does everything wrong. Times are bounded generously: machines are slow."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.voice.bank_transport import MAX_IDLE_SECONDS, BankTransport
from chalicelib.voice.exchange import BankUnavailableError, Request
from tests.fakes import FakeClock
from tests.unit.voice.certificates import make_certificate
from tests.unit.voice.faulty_bank import FaultyBank, faulty_bank
from tests.unit.voice.ledger import CHECKING, KEY, NUMBER, PIN

SECONDS = 0.3
ENOUGH_TO_SEND = 1.0
SLACK = 5.0
BALANCE = Request("read_balance", "GET", f"/accounts/{CHECKING}/balance")
VERIFY = Request(
    "verify_caller", "POST", "/callers/verify", {"customer_number": NUMBER, "pin": PIN}, is_repeatable=False
)
DRIPPING = ("drip_headers", "drip_body", "drip_closing", "drip_chunks", "continue_forever")
HANGING = ("stall_before", "stall_after", *DRIPPING)
BREAKING = ("drop_before", "drop_after", "reset", "rubbish", "truncated", "endless")


@contextmanager
def transport_to(url: str, clock: FakeClock | None = None) -> Iterator[BankTransport]:
    transport = BankTransport(url, clock or FakeClock(1000.0))
    try:
        yield transport
    finally:
        transport._session.close()


@pytest.fixture
def bank() -> Iterator[FaultyBank]:
    with faulty_bank() as bank:
        yield bank


@pytest.fixture
def transport(bank: FaultyBank) -> Iterator[BankTransport]:
    with transport_to(bank.url) as transport:
        yield transport


def fail(transport: BankTransport, request: Request = BALANCE, seconds: float = SECONDS) -> BankUnavailableError:
    """The error of a request that must fail, in time."""
    started_at = time.monotonic()
    with pytest.raises(BankUnavailableError) as caught:
        transport.send(request, KEY, seconds)
    assert time.monotonic() - started_at < seconds + SLACK
    return caught.value


def threads_end(seconds: float = 30.0) -> bool:
    """Whether the threads of abandoned requests end by themselves. A bank's own threads are left out."""
    end = time.monotonic() + seconds
    while any("late after" in thread.name for thread in threading.enumerate()):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_an_answer_arrives_whole(bank: FaultyBank, transport: BankTransport) -> None:
    answer = transport.send(BALANCE, KEY, 30)

    assert answer.status == 200
    assert b'"balance": "1204.50"' in answer.body
    head = bank.heads[0].decode()
    assert "x-api-key: key-1\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "Cookie" not in head


def test_a_connection_is_used_again(bank: FaultyBank, transport: BankTransport) -> None:
    for _ in range(5):
        transport.send(BALANCE, KEY, 30)

    assert bank.connections == 1


def test_an_idle_connection_is_not(bank: FaultyBank) -> None:
    clock = FakeClock(1000.0)
    with transport_to(bank.url, clock) as transport:
        transport.send(BALANCE, KEY, 30)
        clock.now += MAX_IDLE_SECONDS
        transport.send(BALANCE, KEY, 30)
        assert bank.connections == 1
        clock.now += MAX_IDLE_SECONDS + 1
        transport.send(BALANCE, KEY, 30)
        transport.send(BALANCE, KEY, 30)

    assert bank.connections == 2


def test_what_has_one_try_gets_a_connection_of_its_own(bank: FaultyBank, transport: BankTransport) -> None:
    transport.send(BALANCE, KEY, 30)
    transport.send(VERIFY, KEY, 30)
    transport.send(BALANCE, KEY, 30)

    assert bank.connections == 2


@pytest.mark.parametrize("fault", HANGING)
def test_a_bank_that_hangs_is_left_in_time(bank: FaultyBank, transport: BankTransport, fault: str) -> None:
    bank.faults.append(fault)

    error = fail(transport, seconds=ENOUGH_TO_SEND)

    assert (error.failure, error.is_sent) == ("late", True)
    assert transport.send(BALANCE, KEY, 30).status == 200
    assert bank.connections == 2
    assert threads_end()


@pytest.mark.parametrize("fault", ["stall_after", "drip_headers", "drip_body", "drip_closing"])
def test_tls_does_not_change_that(fault: str, tmp_path: Path) -> None:
    tls, certificate = make_certificate(tmp_path)
    with faulty_bank("ok", fault, tls=tls) as bank, transport_to(bank.url) as transport:
        transport._session.verify = str(certificate)
        assert transport.send(BALANCE, KEY, 30).status == 200

        error = fail(transport, seconds=ENOUGH_TO_SEND)

        assert (error.failure, error.is_sent) == ("late", True)
        assert threads_end()
        assert transport.send(VERIFY, KEY, 30).status == 200
        assert transport.send(BALANCE, KEY, 30).status == 200
        assert bank.connections == 2


def test_a_bank_that_cannot_prove_who_it_is_gets_nothing(tmp_path: Path) -> None:
    tls, _ = make_certificate(tmp_path)
    with faulty_bank(tls=tls) as bank, transport_to(bank.url) as transport:
        error = fail(transport, VERIFY, 30)

    assert (error.failure, error.is_sent) == ("unreachable", False)
    assert bank.requests == []


@pytest.mark.parametrize("fault", BREAKING)
def test_a_bank_that_breaks_off_is_noticed(bank: FaultyBank, transport: BankTransport, fault: str) -> None:
    bank.faults.append(fault)

    error = fail(transport, seconds=30)

    assert (error.failure, error.is_sent) == ("dropped", True)
    assert transport.send(BALANCE, KEY, 30).status == 200


def test_a_second_answer_is_nobodys(bank: FaultyBank, transport: BankTransport) -> None:
    bank.faults.append("two_answers")
    first = transport.send(BALANCE, KEY, 30)

    assert transport.send(BALANCE, KEY, 30).body == first.body


def test_a_redirect_is_not_followed(bank: FaultyBank, transport: BankTransport) -> None:
    bank.faults.append("redirect")

    assert transport.send(BALANCE, KEY, 30).status == 307
    assert len(bank.requests) == 1


def test_nobody_there_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with transport_to(f"http://127.0.0.1:{port}") as transport:
        error = fail(transport, seconds=30)

    assert (error.failure, error.is_sent) == ("unreachable", False)


def test_a_handshake_that_stalls_means_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with transport_to(f"https://127.0.0.1:{listener.getsockname()[1]}") as transport:
            error = fail(transport)
        assert (error.failure, error.is_sent) == ("late", False)
    assert threads_end()


def test_what_is_not_begun_in_time_is_never_sent(
    bank: FaultyBank, transport: BankTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server takes its time, and answers when nobody waits any more."""
    may_answer, look_up = threading.Event(), socket.getaddrinfo

    def stalling(*arguments: object) -> object:
        may_answer.wait(60)
        return look_up(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", stalling)

    error = fail(transport)
    may_answer.set()

    assert (error.failure, error.is_sent) == ("late", False)
    assert threads_end()
    assert bank.requests == []


@pytest.mark.parametrize("key", ["two\nlines", "snow\N{SNOWMAN}"])
def test_a_key_that_is_no_header_is_not_quoted(transport: BankTransport, key: str) -> None:
    with pytest.raises(BankUnavailableError) as caught:
        transport.send(BALANCE, key, 30)

    assert key not in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("fault", [*BREAKING, "stall_after"])
def test_errors_say_nothing_of_what_was_sent(bank: FaultyBank, transport: BankTransport, fault: str) -> None:
    bank.faults.append(fault)

    error = fail(transport, VERIFY)

    assert NUMBER not in str(error)
    assert PIN not in str(error)
    assert (error.__cause__, error.__context__) == (None, None)
    assert PIN not in repr(VERIFY)


def test_no_cookie_travels_on(bank: FaultyBank, transport: BankTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    heads.append(connection.recv(65_536))
                    reply = (
                        b"HTTP/1.1 200 OK\r\nSet-Cookie: caller=1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
                    )
                    connection.sendall(reply)

        heads: list[bytes] = []
        thread = threading.Thread(target=serve)
        thread.start()
        with transport_to(url) as other:
            for _ in range(2):
                assert other.send(BALANCE, KEY, 30).body == b"{}"
        thread.join()

    assert all(b"caller=1" not in head for head in heads)


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("0", 0.0), ("Wed, 21 Oct 2026", 0.0), ("-1", 0.0)])
def test_a_pause_is_asked_for_in_seconds(text: str, seconds: float) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(f"HTTP/1.1 429 No\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n".encode())

        thread = threading.Thread(target=serve)
        thread.start()
        with transport_to(f"http://127.0.0.1:{listener.getsockname()[1]}") as transport:
            answer = transport.send(BALANCE, KEY, 30)
        thread.join()

    assert (answer.status, answer.retry_after) == (429, seconds)


def test_a_request_that_hangs_does_not_keep_the_process_alive(bank: FaultyBank) -> None:
    bank.faults.append("drip_body")
    script = f"""
from chalicelib.voice.bank_transport import BankTransport
from chalicelib.voice.exchange import BankUnavailableError, Request
try:
    BankTransport({bank.url!r}).send(Request("read_balance", "GET", "/accounts/{CHECKING}/balance"), "key-1", 0.3)
except BankUnavailableError as error:
    print(error.failure)
"""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", script]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, cwd=root)

    assert ended.stdout == "late\n"
