"""Messages in, answer out."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.chat.orders import OrderFunction as Orders
from chalicelib.errors import UnavailableError
from chalicelib.webhooks.order_lookup import NOT_FOUND
from localcloud.model.conversation import InvalidRequestError, read_conversation
from localcloud.model.dialogue import Answer, answer
from localcloud.model.orders import ASK_FOR_EMAIL, UNAVAILABLE

TOOLS = {"tools": [{"toolSpec": {"name": name}} for name in ("look_up_order", "request_human")]}
ORDER = {
    "number": 1001,
    "status": "in_transit",
    "items": [{"title": "Yotsuba&! 1", "quantity": 2}, {"name": "Mushishi 3"}],
    "tracking": [{"company": "DHL", "number": "LP1", "url": "https://tracking.example.com/LP1"}],
    "total": "31.40",
    "currency": "EUR",
}


class Silent:
    """The function that looks orders up, in an outage."""

    def ask(self, request: object) -> dict[str, Any]:
        raise UnavailableError("It does not answer.")


class Nobodys:
    """Counts no misses."""

    def begin(self, session_id: str, email: str) -> tuple[()]:
        return ()

    def take_back(self, keys: object) -> None:
        raise AssertionError


def look_up(customer_id: str | None) -> Mapping[str, Any]:
    """What the order tool answers in an outage."""
    return Orders(Silent(), Nobodys()).look_up("1001", session_id="s", customer_id=customer_id, email=None)


def messages(*texts: str) -> list[dict[str, Any]]:
    """Customer and assistant in turns."""
    return [{"role": ("user", "assistant")[place % 2], "content": [{"text": text}]} for place, text in enumerate(texts)]


def reply(*texts: str, tools: bool = True, **request: Any) -> Answer:
    config = {"toolConfig": TOOLS} if tools else {}
    return answer(read_conversation({"messages": messages(*texts), **config, **request}))


def after_tool(question: str, result: dict[str, Any], tool: str = "look_up_order", status: str = "success") -> Answer:
    asked = reply(question)
    assert asked.tool == tool
    use = {"toolUseId": asked.tool_use_id, "name": asked.tool, "input": asked.arguments}
    told = {"toolUseId": asked.tool_use_id, "content": [result], "status": status}
    turns = [
        *messages(question),
        {"role": "assistant", "content": [{"toolUse": use}]},
        {"role": "user", "content": [{"toolResult": told}]},
    ]
    return answer(read_conversation({"messages": turns, "toolConfig": TOOLS}))


class TestOrders:
    @pytest.mark.parametrize(
        ("question", "number"),
        [
            ("where is my order 1001?", "1001"),
            ("Where's #1002", "1002"),
            ("What is the status of order number 1234?", "1234"),
            ("order 1001", "1001"),
            ("Has order #1005 been shipped yet?", "1005"),
            ("when will my order 1001 be delivered?", "1001"),
        ],
    )
    def test_a_named_one_is_looked_up(self, question: str, number: str) -> None:
        said = reply(question)

        assert (said.tool, said.arguments, said.stop_reason) == ("look_up_order", {"number": number}, "tool_use")

    def test_the_customer_s_address_goes_with_it(self) -> None:
        said = reply("Where is order 1001? I am mika.9001@example.com")

        assert said.arguments == {"number": "1001", "email": "mika.9001@example.com"}

    def test_it_is_the_order_named_before(self) -> None:
        said = reply("Where is my order 1001?", "It is on its way.", "When will it arrive?")

        assert said.arguments == {"number": "1001"}

    @pytest.mark.parametrize("question", ["Where is my order?", "where is my parcel", "Can you track my package?"])
    def test_without_a_number_it_asks_and_then_understands_the_answer(self, question: str) -> None:
        asked = reply(question)
        assert asked.tool is None
        assert "order number" in asked.text

        assert reply(question, asked.text, "1001").arguments == {"number": "1001"}
        assert reply(question, asked.text, "1001, mika@example.com").arguments == {
            "number": "1001",
            "email": "mika@example.com",
        }

    def test_an_address_given_later_is_used_with_the_order(self) -> None:
        missing = after_tool("Where is my order 1001?", {"json": {"error": "not_found"}})

        said = reply("Where is my order 1001?", missing.text, "It is mika@example.com")

        assert said.arguments == {"number": "1001", "email": "mika@example.com"}

    def test_status_items_and_tracking_are_told(self) -> None:
        said = after_tool("Where is my order 1001?", {"json": ORDER})

        assert said == Answer(
            "Your order 1001 is in transit. It contains 2 of Yotsuba&! 1 and 1 of Mushishi 3. The parcel is on its way "
            "with DHL, tracking number LP1: https://tracking.example.com/LP1 Total: 31.40. Currency: EUR."
        )

    @pytest.mark.parametrize(
        ("result", "status"),
        [
            ({"json": NOT_FOUND}, "error"),
            ({"json": NOT_FOUND}, "success"),
            ({"json": {"error": "not_found"}}, "success"),
            ({"json": {"found": False}}, "success"),
            ({"json": {}}, "success"),
        ],
    )
    def test_an_unknown_one_is_asked_for(self, result: dict[str, Any], status: str) -> None:
        said = after_tool("Where is my order 9999?", result, status=status)

        assert "order number" in said.text
        assert "e-mail" in said.text

    @pytest.mark.parametrize(
        ("result", "status"),
        [
            ({"json": look_up("7001")}, "success"),
            ({"json": look_up("7001")}, "error"),
            ({"json": {"error": "The tool failed."}}, "error"),
            ({"text": "The order service does not answer."}, "error"),
        ],
    )
    def test_in_an_outage_it_says_so_and_offers_a_person(self, result: dict[str, Any], status: str) -> None:
        said = after_tool("Where is my order 1001?", result, status=status)

        assert said.text == UNAVAILABLE
        assert reply("Where is my order 1001?", said.text, "Then get me a person").tool == "request_human"
        assert reply("Where is my order 1001?", said.text, "And now?", "…", "order 1001").tool == "look_up_order"

    @pytest.mark.parametrize("status", ["success", "error"])
    def test_a_missing_address_is_asked_for_and_understood(self, status: str) -> None:
        error = look_up(None)

        said = after_tool("Where is my order 1001?", {"json": error}, status=status)

        assert said.text == ASK_FOR_EMAIL
        again = reply("Where is my order 1001?", said.text, "aiko@example.com")
        assert again.arguments == {"number": "1001", "email": "aiko@example.com"}

    def test_without_the_tool_it_asks(self) -> None:
        assert reply("Where is my order 1001?", tools=False).stop_reason == "end_turn"


class TestHumans:
    @pytest.mark.parametrize(
        "question",
        [
            "I want to talk to a person",
            "Can I speak to a human please?",
            "get me an agent",
            "agent",
            "Please connect me with someone real",
        ],
    )
    def test_they_are_requested(self, question: str) -> None:
        said = reply(question)

        assert said.tool == "request_human"
        assert said.arguments
        assert said.arguments["reason"]

    def test_they_come_or_not(self) -> None:
        assert "colleague" in after_tool("agent", {"json": {"status": "waiting"}}, "request_human").text
        assert "sorry" in after_tool("agent", {"text": "closed"}, "request_human", "error").text


class TestTalk:
    @pytest.mark.parametrize(
        ("question", "word"),
        [
            ("Hi!", "MangaAssist"),
            ("How long does shipping take?", "working days"),
            ("What is your return policy? I would like my money back", "30 days"),
            ("Which payment methods do you take?", "PayPal"),
            ("Do you sell plush cats?", "plush cats"),
            ("Thank you!", "lcome|Glad"),
            ("are you a bot?", "assistant"),
            ("Can you recommend something like Mushishi?", "series"),
        ],
    )
    def test_it_fits(self, question: str, word: str) -> None:
        said = reply(question)

        assert any(part in said.text for part in word.split("|"))
        assert said.stop_reason == "end_turn"

    def test_it_varies_and_is_the_same_each_time(self) -> None:
        questions = [f"How long does shipping to place {place} take?" for place in "abcdefgh"]

        assert len({reply(question).text for question in questions}) > 1
        assert reply(questions[0]) == reply(questions[0])

    def test_it_keeps_to_the_limit(self) -> None:
        said = reply("How long does shipping take?", inferenceConfig={"maxTokens": 5})

        assert (len(said.text), said.stop_reason) == (20, "max_tokens")


SUMMARISE = ({"text": "Summarise the conversation for the shop's staff."},)


class TestSummaries:
    def test_they_name_what_was_asked(self) -> None:
        said = reply(
            "Where is order 1001? I am mika@example.com", "Sent.", "And returns?", tools=False, system=SUMMARISE
        )

        for part in ("Where is order 1001", "And returns", "Orders named: 1001.", "mika@example.com"):
            assert part in said.text

    def test_a_transcript_in_one_message_is_one_too(self) -> None:
        transcript = "Previous summary: The customer likes cats.\n\ncustomer: Where is order 1001?\nbot: It is sent."

        said = reply(transcript, tools=False, system=SUMMARISE)

        assert said.text == ("The customer likes cats. The customer asked: “Where is order 1001”. Orders named: 1001.")

    def test_a_summary_in_the_instructions_is_not_a_request_for_one(self) -> None:
        said = reply("Hi!", system=[{"text": "You are MangaAssist. Summary of the conversation so far: cats."}])

        assert "Hello" in said.text or "Hi" in said.text


class TestInvalidRequests:
    @pytest.mark.parametrize(
        ("turns", "why"),
        [
            ([], "must have messages"),
            (messages("", "x"), "blank"),
            ([{"role": "assistant", "content": [{"text": "a"}]}], "start with a user"),
            (messages("a") + messages("b"), "alternate"),
            (messages("a", "b"), "end with a user"),
            ([{"role": "user", "content": []}], "empty"),
            ([{"role": "user", "content": [{"toolResult": {"toolUseId": "x", "content": []}}]}], "toolResult"),
        ],
    )
    def test_say_why(self, turns: list[dict[str, Any]], why: str) -> None:
        with pytest.raises(InvalidRequestError, match=why):
            read_conversation({"messages": turns, "toolConfig": TOOLS})

    def test_tools_used_need_tools_offered(self) -> None:
        asked = reply("order 1001")
        use = {"toolUseId": asked.tool_use_id, "name": "look_up_order", "input": {}}
        turns = [
            *messages("order 1001"),
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": asked.tool_use_id, "content": []}}]},
        ]

        with pytest.raises(InvalidRequestError, match="toolConfig"):
            read_conversation({"messages": turns})
