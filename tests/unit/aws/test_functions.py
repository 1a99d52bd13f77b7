"""Functions: an answer, or none."""

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.aws.functions import Function
from chalicelib.errors import UnavailableError


class FakeClient:
    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[Any]()

    def invoke(self, **request: Any) -> Any:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def payload(text: str, **more: Any) -> dict[str, Any]:
    return {"Payload": io.BytesIO(text.encode()), **more}


def test_an_answer() -> None:
    client = FakeClient(payload('{"a": 1}'))
    assert Function(lambda: client, "f").ask({"b": 2}) == {"a": 1}
    assert client.asked[0]["FunctionName"] == "f"
    assert json.loads(client.asked[0]["Payload"]) == {"b": 2}


@pytest.mark.parametrize(
    "answer",
    [
        payload('{"errorMessage": "x"}', FunctionError="Unhandled"),
        payload("[]"),
        payload("null"),
        payload("{"),
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "m"}}, "Invoke"),
        ReadTimeoutError(endpoint_url="http://x"),
    ],
)
def test_none(answer: Any) -> None:
    with pytest.raises(UnavailableError, match="The function f"):
        Function(lambda: FakeClient(answer), "f").ask({})
