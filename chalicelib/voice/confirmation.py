"""What a yes is for: that which was read back last, in this very call, and nothing else.

A question for a confirmation leaves a token in the session attribute ``confirming``. Lex hands it back with the yes,
and once more with the fulfilment. So a yes that is delivered late or twice, after another question, is still a yes to
the old one, and a fulfilment that nobody asked for is none. The token is a hash under the call's own random key, which
never leaves the calls table: whoever may set attributes cannot make one.
"""

import hashlib
import hmac

from chalicelib.voice.calls import Call
from chalicelib.voice.lex_event import Turn

ATTRIBUTE = "confirming"


def token(call: Call, *subject: str) -> str:
    """What stands for a subject, such as a transfer's reference, in this call."""
    return hmac.new(call.key.encode(), "|".join(subject).encode(), hashlib.sha256).hexdigest()[:24]


def given(turn: Turn) -> str:
    """The token that came back, empty for none."""
    return turn.session_attributes.get(ATTRIBUTE, "")


def is_confirmed(turn: Turn, call: Call, *subject: str) -> bool:
    """Whether this turn is the yes to that subject, or what follows the yes."""
    is_meant = hmac.compare_digest(given(turn).encode(), token(call, *subject).encode())
    return turn.confirmation == "Confirmed" and call.key != "" and is_meant
