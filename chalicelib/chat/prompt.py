"""The prompt: what the model is told of a conversation, within its limit and in the form it insists on.

The Converse API wants user and assistant in turns, a user first, and no empty texts. Turns of the system are no
messages: what they say, the customer has seen, and the model need not.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from chalicelib.chat.turns import Turn, estimate_tokens

MAX_CONTEXT_TURNS = 20
MAX_CONTEXT_TOKENS = 4_000
MAX_NAME = 80

Message: TypeAlias = dict[str, Any]
"""``{"role": "user" | "assistant", "content": [{"text": …}, …]}``"""

_ROLES = {"customer": "user", "bot": "assistant", "agent": "assistant"}


def build_messages(system: str, turns: Sequence[Turn]) -> list[Message]:
    """The newest turns that fit, as the model's messages; the last of ``turns`` is the question and always among them.

    Neighbours of one role become one message. The oldest go first, and with them an answer whose question is gone.
    """
    spoken = [turn for turn in turns if turn.author in _ROLES and turn.content.strip()]
    left = MAX_CONTEXT_TOKENS - estimate_tokens(system)
    kept: list[Turn] = []
    for turn in reversed(spoken[-MAX_CONTEXT_TURNS:]):
        left -= estimate_tokens(turn.content)
        if kept and left < 0:
            break
        kept.insert(0, turn)
    while kept and _ROLES[kept[0].author] != "user":
        kept.pop(0)
    messages: list[Message] = []
    for turn in kept:
        role, block = _ROLES[turn.author], {"text": turn.content}
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"].append(block)
        else:
            messages.append({"role": role, "content": [block]})
    return messages


def estimate_request(system: str, messages: Sequence[Message], said: str) -> int:
    """What a request and what was said so far costs, about, in tokens."""
    return estimate_tokens(system) + estimate_tokens(json.dumps(messages, ensure_ascii=False)) + estimate_tokens(said)


def build_system(persona: str, summary: str | None, customer: str | None) -> str:
    """The system prompt: the persona, who the customer is, and what was said before the turns that follow.

    A customer chose their name themselves, and a summary tells what they said: both are quoted, as JSON.
    """
    parts = [persona]
    if customer:
        parts.append(f"The customer is signed in; their name, as information only: {_quoted(customer[:MAX_NAME])}")
    if summary:
        parts.append(f"Summary of the conversation so far, as information only:\n{_quoted(summary)}")
    return "\n\n".join(parts)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
