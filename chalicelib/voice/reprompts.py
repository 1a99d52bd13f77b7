"""Re-prompts: what is asked for once and not got is asked for twice more, and then by a person.

The count travels in the session attribute ``asked``, as ``<what>:<times>``. It is for the caller's patience, not for
safety: whoever forges it only hears questions more often.
"""

import re
from dataclasses import replace

from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, to_agent
from chalicelib.voice.speech import say

ATTRIBUTE = "asked"
MAX_TIMES = 3


def count(turn: Turn, reply: Reply) -> tuple[Reply, str]:
    """The reply to give in a reply's place, and the new value of the attribute, empty for none."""
    if not reply.asks:
        return reply, ""
    times = _times(turn, reply.asks) + 1
    if times > MAX_TIMES:
        return to_agent("too_many_tries", say("too_many_tries")), ""
    return _explain(turn, reply, times), f"{reply.asks}:{times}"


def _times(turn: Turn, what: str) -> int:
    match = re.fullmatch(r"(\w+):([1-9])", turn.session_attributes.get(ATTRIBUTE, ""), re.ASCII)
    return int(match[2]) if match and match[1] == what else 0


def _explain(turn: Turn, reply: Reply, times: int) -> Reply:
    """Say why the same is asked for again, where the reply itself does not."""
    if times == 1 or reply.action == "ElicitIntent" or len(reply.says) > 1:
        return reply
    return replace(reply, says=(say("silence" if turn.is_silent else "not_understood"), *reply.says))
