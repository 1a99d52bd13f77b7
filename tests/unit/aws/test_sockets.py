"""Sockets: told, gone, or not to be reached."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.aws.sockets import MAX_FRAME_BYTES, Connections
from chalicelib.errors import UnavailableError


class FakeClient:
    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.calls = error, list[Any]()

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> None:
            self.calls.append((name, arguments))
            if self.error:
                raise self.error

        return call


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "PostToConnection")


def test_a_frame_is_compact_json() -> None:
    client = FakeClient()
    assert Connections(client).send("c1", {"type": "pong", "text": "日本"})
    assert Connections(client).close("c1")
    assert client.calls[0] == (
        "post_to_connection",
        {"ConnectionId": "c1", "Data": '{"type":"pong","text":"日本"}'.encode()},
    )
    assert json.loads(client.calls[0][1]["Data"])["text"] == "日本"
    assert client.calls[1] == ("delete_connection", {"ConnectionId": "c1"})


@pytest.mark.parametrize("code", ["GoneException", "410"])
def test_one_that_is_gone(code: str) -> None:
    connections = Connections(FakeClient(failure(code)))
    assert not connections.send("c1", {})
    assert not connections.close("c1")


@pytest.mark.parametrize(
    "error",
    [failure("LimitExceededException"), failure("ForbiddenException"), ReadTimeoutError(endpoint_url="http://x")],
)
def test_one_that_cannot_be_reached(error: Exception) -> None:
    with pytest.raises(UnavailableError):
        Connections(FakeClient(error)).send("c1", {})


def test_one_that_is_too_large_is_logged_and_never_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    client = FakeClient()

    with pytest.raises(UnavailableError):
        Connections(client).send("c1", {"type": "queue", "waiting": "x" * MAX_FRAME_BYTES})

    assert client.calls == []
    line = json.loads(capsys.readouterr().out)
    assert (line["message"], line["type"], line["bytes"] > MAX_FRAME_BYTES) == ("frame too large", "queue", True)
