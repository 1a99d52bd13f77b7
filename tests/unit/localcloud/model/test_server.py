"""The stand-in as boto3 sees it."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError, ConnectionClosedError, EventStreamError
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from localcloud.model.faults import Control
from localcloud.model.openai import OpenAIModel
from localcloud.model.server import Pace, Rules, Server
from tests.unit.localcloud.model.serving import HELLO, MODEL, TOOLS, ChatCompletions, Running, bedrock
from tests.unit.localcloud.strangers import STRANGERS


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    instant = Running(Server(Rules(), Control(start_instant=True)).application())
    yield instant
    instant.stop()


@pytest.fixture
def fault(running: Running) -> Iterator[Callable[..., None]]:
    def choose(name: str, **options: Any) -> None:
        requests.post(f"{running.url}/control", json={"fault": name, **options}, timeout=5).raise_for_status()

    yield choose
    choose("normal")


def collect(url: str, events: list[dict[str, Any]], read_timeout: float = 5, **request: Any) -> None:
    """Add the events of a streamed answer to ``events``, which keeps those before an error."""
    with contextlib.closing(bedrock(url, read_timeout)) as client:
        answer = client.converse_stream(modelId=MODEL, messages=HELLO, **request)
        with contextlib.closing(answer["stream"]) as stream:
            for event in stream:
                events.append(event)  # noqa: PERF402 - a list of all would lose them


def stream(url: str, **request: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    collect(url, events, **request)
    return events


def converse(url: str) -> dict[str, Any]:
    with contextlib.closing(bedrock(url)) as client:
        return dict(client.converse(modelId=MODEL, messages=HELLO))


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)


def stop_reason(events: list[dict[str, Any]]) -> str:
    return next(str(event["messageStop"]["stopReason"]) for event in events if "messageStop" in event)


class TestAnswers:
    def test_converse_and_its_stream_say_the_same(self, running: Running) -> None:
        whole = converse(running.url)

        events = stream(running.url)

        assert whole["output"]["message"]["content"] == [{"text": text_of(events)}]
        assert [next(iter(event)) for event in events][:2] == ["messageStart", "contentBlockDelta"]
        assert [next(iter(event)) for event in events][-3:] == ["contentBlockStop", "messageStop", "metadata"]
        assert whole["stopReason"] == stop_reason(events) == "end_turn"
        assert whole["usage"] == events[-1]["metadata"]["usage"]

    def test_tools(self, running: Running) -> None:
        messages = [{"role": "user", "content": [{"text": "Where is order 1001?"}]}]
        client = bedrock(running.url)

        whole = client.converse(modelId=MODEL, messages=messages, toolConfig=TOOLS)
        streamed = list(client.converse_stream(modelId=MODEL, messages=messages, toolConfig=TOOLS)["stream"])

        (block,) = whole["output"]["message"]["content"]
        assert (block["toolUse"]["name"], block["toolUse"]["input"]) == ("look_up_order", {"number": "1001"})
        assert whole["stopReason"] == stop_reason(streamed) == "tool_use"
        parts = [
            event["contentBlockDelta"]["delta"]["toolUse"]["input"]
            for event in streamed
            if "contentBlockDelta" in event
        ]
        assert json.loads("".join(parts)) == {"number": "1001"}

    def test_an_invalid_request_is_refused(self, running: Running) -> None:
        with pytest.raises(ClientError, match=r"ValidationException.*start with a user"):
            bedrock(running.url).converse(modelId=MODEL, messages=[{"role": "assistant", "content": [{"text": "a"}]}])

    def test_the_last_calls_are_kept(self, running: Running) -> None:
        stream(running.url, system=[{"text": "Be kind."}])

        last = requests.get(f"{running.url}/calls", timeout=5).json()[-1]
        assert (last["model"], last["operation"]) == (MODEL, "converse-stream")
        assert last["body"]["system"] == [{"text": "Be kind."}]

    def test_it_takes_human_time(self) -> None:
        human = Running(Server(Rules(Pace(0.3, 100)), Control()).application())
        try:
            started = time.monotonic()
            words = len(text_of(stream(human.url)).split())
        finally:
            human.stop()

        assert 0.3 + (words - 1) / 100 <= time.monotonic() - started < 3


class TestFaults:
    @pytest.mark.parametrize(
        ("name", "error"), [("throttle", "ThrottlingException"), ("unavailable", "ServiceUnavailableException")]
    )
    def test_refusals(self, running: Running, fault: Callable[..., None], name: str, error: str) -> None:
        fault(name, times=2)
        for call in (
            lambda: stream(running.url),
            lambda: converse(running.url),
        ):
            with pytest.raises(ClientError, match=error):
                call()

        assert stop_reason(stream(running.url)) == "end_turn"

    def test_a_late_first_word(self, running: Running, fault: Callable[..., None]) -> None:
        fault("slow-first-token", seconds=0.7)
        started = time.monotonic()

        stream(running.url)

        assert 0.7 <= time.monotonic() - started < 3

    def test_a_stall(self, running: Running, fault: Callable[..., None]) -> None:
        fault("stall", times=1)
        events: list[dict[str, Any]] = []
        with pytest.raises(ReadTimeoutError):
            collect(running.url, events, read_timeout=0.5)

        assert text_of(events)

    def test_a_broken_stream(self, running: Running, fault: Callable[..., None]) -> None:
        fault("break")
        events: list[dict[str, Any]] = []
        with pytest.raises(EventStreamError, match="modelStreamErrorException"):
            collect(running.url, events)

        assert text_of(events)
        with pytest.raises(ClientError, match="ModelErrorException"):
            converse(running.url)

    def test_a_cut_connection(self, running: Running, fault: Callable[..., None]) -> None:
        fault("disconnect")
        events: list[dict[str, Any]] = []
        with pytest.raises((ProtocolError, ConnectionClosedError, ConnectionError)):
            collect(running.url, events)

        assert text_of(events)

    @pytest.mark.parametrize(
        ("name", "reason"),
        [("filter", "content_filtered"), ("guardrail", "guardrail_intervened"), ("max-tokens", "max_tokens")],
    )
    def test_early_ends(self, running: Running, fault: Callable[..., None], name: str, reason: str) -> None:
        usual = text_of(stream(running.url))
        fault(name)

        events = stream(running.url)

        assert stop_reason(events) == reason
        assert 0 < len(text_of(events)) < len(usual)

    def test_no_content(self, running: Running, fault: Callable[..., None]) -> None:
        fault("empty")

        events = stream(running.url)

        assert (text_of(events), stop_reason(events)) == ("", "end_turn")

    def test_an_unknown_fault_is_refused(self, running: Running) -> None:
        answer = requests.post(f"{running.url}/control", json={"fault": "sleep"}, timeout=5)

        assert answer.status_code == 400
        assert "throttle" in answer.json()["message"]

    @pytest.mark.parametrize(
        "wanted",
        [
            [],
            None,
            "[" * 100_000,
            {"fault": ["stall"]},
            {"fault": "stall", "times": "2"},
            {"fault": "stall", "seconds": "x"},
            {"fault": "stall", "seconds": float("nan")},
        ],
    )
    def test_what_is_not_understood_changes_nothing(self, running: Running, wanted: Any) -> None:
        body = wanted if isinstance(wanted, str) else json.dumps(wanted)
        headers = {"Content-Type": "application/json; charset=bogus"}
        answer = requests.post(f"{running.url}/control", data=body, headers=headers, timeout=5)

        assert answer.status_code == 400
        assert requests.get(f"{running.url}/control", timeout=5).json()["fault"] == "normal"

    def test_another_sites_form_commands_nothing(self, running: Running) -> None:
        headers = {"Content-Type": "text/plain"}
        answer = requests.post(f"{running.url}/control", data='{"fault": "stall"}', headers=headers, timeout=5)

        assert answer.status_code == 415
        assert requests.get(f"{running.url}/control", timeout=5).json()["fault"] == "normal"

    @pytest.mark.parametrize("headers", STRANGERS)
    @pytest.mark.parametrize("path", ["/control", "/calls"])
    def test_another_sites_page_learns_nothing(self, running: Running, path: str, headers: dict[str, str]) -> None:
        assert requests.get(running.url + path, headers=headers, timeout=5).status_code == 403
        assert requests.post(running.url + "/control", json={}, headers=headers, timeout=5).status_code == 403

    def test_instant_stays_until_normal(self) -> None:
        control = Control()
        control.set("instant")
        control.set("throttle", times=1)
        assert (control.take(), control.take(), control.instant) == ("throttle", "normal", True)

        control.set("normal")
        assert not control.instant


@pytest.fixture(scope="module")
def completions() -> Iterator[tuple[ChatCompletions, str]]:
    fake = ChatCompletions()
    running = Running(fake.application)
    yield fake, f"{running.url}/v1"
    running.stop()


class TestOwnModel:
    @pytest.fixture
    def own(self, completions: tuple[ChatCompletions, str]) -> Iterator[Running]:
        running = Running(Server(OpenAIModel(completions[1], "llama", "key"), Control()).application())
        yield running
        running.stop()

    def test_its_words_are_passed_on(self, own: Running, completions: tuple[ChatCompletions, str]) -> None:
        inference = {"maxTokens": 100, "temperature": 0.5}

        events = stream(own.url, system=[{"text": "Be kind."}], inferenceConfig=inference)

        assert (text_of(events), stop_reason(events)) == ("Hello, Grüße!", "end_turn")
        assert events[-1]["metadata"]["usage"]["inputTokens"] == 7
        asked = completions[0].asked[-1]
        assert asked["messages"] == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "How long does shipping take?"},
        ]
        assert (asked["max_tokens"], asked["temperature"], asked["model"]) == (100, 0.5, "llama")

    def test_tools_go_there_and_back(self, own: Running, completions: tuple[ChatCompletions, str]) -> None:
        client = bedrock(own.url)
        first = client.converse(modelId=MODEL, messages=HELLO, toolConfig=TOOLS)
        (block,) = first["output"]["message"]["content"]
        assert block["toolUse"] == {"toolUseId": "call_1", "name": "look_up_order", "input": {"number": "1001"}}
        result = {"toolResult": {"toolUseId": "call_1", "content": [{"json": {"status": "sent"}}]}}

        turns = [*HELLO, first["output"]["message"], {"role": "user", "content": [result]}]
        second = client.converse(modelId=MODEL, messages=turns, toolConfig=TOOLS)

        assert second["output"]["message"]["content"] == [{"text": "Hello, Grüße!"}]
        asked = completions[0].asked[-1]
        assert asked["messages"][1:] == [
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look_up_order", "arguments": '{"number": "1001"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": '{"status": "sent"}'},
        ]
        assert asked["tools"][0]["function"]["parameters"]["properties"] == {"number": {"type": "string"}}

    def test_faults_work_before_it_too(self, own: Running) -> None:
        requests.post(f"{own.url}/control", json={"fault": "max-tokens", "times": 1}, timeout=5)

        events = stream(own.url)

        assert (text_of(events), stop_reason(events)) == ("Hello, ", "max_tokens")

    def test_its_errors_are_the_model_s(self, completions: tuple[ChatCompletions, str]) -> None:
        running = Running(Server(OpenAIModel(completions[1], "missing"), Control()).application())
        try:
            with pytest.raises(EventStreamError, match="no such model"):
                stream(running.url)
            with pytest.raises(ClientError, match=r"ModelErrorException.*no such model"):
                converse(running.url)
        finally:
            running.stop()
