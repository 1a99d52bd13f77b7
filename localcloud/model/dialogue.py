"""The shop assistant of rules: a conversation in, an answer out. The same conversation has always the same answer."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from localcloud.model.conversation import Conversation, ToolResult, gives_email, order_in
from localcloud.model.orders import ASK_FOR_ORDER, describe_order
from localcloud.model.phrases import about_anything, about_topic, quote, small_talk

LOOK_UP_ORDER = "look_up_order"
REQUEST_HUMAN = "request_human"

CHARACTERS_A_TOKEN = 4

_SUMMARY = re.compile(r"\bsummari[sz]e\b|\bwrite\b.{0,40}\bsummary\b|\bupdate\b.{0,40}\bsummary\b", re.IGNORECASE)
_HUMAN = re.compile(
    r"\b(talk|speak|chat|connect|transfer|write|get|need|want|give)\b.{0,40}"
    r"\b(human|person|agent|representative|someone|somebody|employee|colleague|staff)\b"
    r"|^\W*(human|agent|person|representative)( please)?\W*$"
    r"|\b(real|actual) (human|person)\b(?!.*\bare you\b)",
    re.IGNORECASE,
)
_ABOUT_ORDER = re.compile(
    r"\bmy (order|parcel|package)\b|\border (status|number)\b|\btrack(ing)?\b|\bwhere('s| is| are)\b"
    r"|\bwhen (will|does|is)\b.{0,30}\b(it|they|order|parcel|package)\b"
    r"|\b(has|is|did|was) (it|that|the (order|parcel|package))\b.{0,30}"
    r"\b(ship|sent|deliver|arriv|on its way|left|here|paid)"
    r"|\bstatus\b",
    re.IGNORECASE,
)
_SPEAKER = re.compile(
    r"^\W*(?:\[[^\]]*\]\s*)?(customer|user|human|bot|assistant|agent|system)\W*[:>]\s*(.+)$",
    re.IGNORECASE,
)
_EARLIER = re.compile(
    r"(?:previous|earlier|existing|current) summary[^:\n]*:\s*(.+)|summary so far[^:\n]*:\s*(.+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """Text or the use of a tool, and why it ends, as in ``stopReason``."""

    text: str = ""
    tool: str | None = None
    arguments: Mapping[str, Any] | None = None
    tool_use_id: str = ""
    stop_reason: str = "end_turn"


def answer(conversation: Conversation) -> Answer:
    """What the assistant says next, within the request's ``maxTokens``."""
    if conversation.results:
        return _limited(Answer(" ".join(_tell(result) for result in conversation.results)), conversation.max_tokens)
    if not conversation.tools and _SUMMARY.search(conversation.system):
        return _limited(Answer(summarize(conversation)), conversation.max_tokens)
    return _limited(_reply(conversation), conversation.max_tokens)


def _reply(conversation: Conversation) -> Answer:
    question = conversation.question
    if said := small_talk(question):
        return Answer(said)
    if _HUMAN.search(question):
        return _use(conversation, REQUEST_HUMAN, {"reason": quote(question, 200)}) or Answer(
            "I would gladly bring in a colleague, but none can be reached from here."
        )
    if _wants_order(conversation):
        number = order_in(question) or conversation.order
        email = {"email": conversation.email} if conversation.email else {}
        look_up = _use(conversation, LOOK_UP_ORDER, {"number": number, **email}) if number else None
        return look_up or Answer(ASK_FOR_ORDER)
    return Answer(about_topic(question) or about_anything(question))


def _wants_order(conversation: Conversation) -> bool:
    """Whether the last message asks for an order, or gives what the assistant has asked for."""
    question = conversation.question
    if _ABOUT_ORDER.search(question):
        return order_in(question) is not None or about_topic(question) is None or conversation.order is not None
    was_asked = any(words in conversation.last_answer for words in ("order number", "e-mail address"))
    if order_in(question):
        return was_asked or about_topic(question) is None
    return was_asked and gives_email(question)


def _use(conversation: Conversation, tool: str, arguments: Mapping[str, Any]) -> Answer | None:
    """The use of a tool, if the request offers it."""
    if tool not in conversation.tools:
        return None
    turn = f"{len(conversation.said)} {conversation.question}"
    identifier = f"tooluse_{hashlib.sha256(turn.encode()).hexdigest()[:22]}"
    return Answer(tool=tool, arguments=arguments, tool_use_id=identifier, stop_reason="tool_use")


def _tell(result: ToolResult) -> str:
    if result.tool == LOOK_UP_ORDER:
        return describe_order(result.asked, result.answer, failed=result.failed)
    if result.tool == REQUEST_HUMAN:
        return (
            "I am sorry, no colleague can be reached at the moment. Can I help you with something else?"
            if result.failed
            else "I have asked a colleague to join us. Please stay here; it takes a moment."
        )
    return f"I tried to, but it failed: {result.answer}" if result.failed else f"Done: {result.answer}"


def summarize(conversation: Conversation) -> str:
    """A summary that names what was asked, in the order of asking, and what came before."""
    earlier, asked = _transcript(conversation)
    sentences = [earlier.rstrip(". ") + "."] if earlier else []
    sentences += [f"The customer asked: “{quote(text, 120)}”." for text in asked]
    named = dict.fromkeys(number for text in asked if (number := order_in(text)))
    if named:
        sentences.append(f"Orders named: {', '.join(named)}.")
    if conversation.email:
        sentences.append(f"The customer's e-mail address is {conversation.email}.")
    return " ".join(sentences) or "Nothing was asked yet."


def _transcript(conversation: Conversation) -> tuple[str, Sequence[str]]:
    """The earlier summary and what the customer said, from the messages or from a transcript within one of them."""
    earlier, asked, plain = "", [], []
    for role, text in [("system", conversation.system), *conversation.said]:
        lines = text.splitlines()
        for line in lines:
            if found := _EARLIER.search(line):
                earlier = found.group(1) or found.group(2)
            elif (spoken := _SPEAKER.match(line)) and spoken.group(1).lower() in ("customer", "user", "human"):
                asked.append(spoken.group(2))
        if role == "user" and not _SUMMARY.search(text):
            plain.append(text)
    return earlier, asked or plain


def _limited(complete: Answer, max_tokens: int | None) -> Answer:
    if max_tokens is None or tokens(complete.text) <= max_tokens:
        return complete
    return replace(complete, text=complete.text[: max_tokens * CHARACTERS_A_TOKEN], stop_reason="max_tokens")


def tokens(text: str) -> int:
    """An estimate of a text's tokens."""
    return math.ceil(len(text) / CHARACTERS_A_TOKEN)
