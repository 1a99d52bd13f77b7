"""Goodbye: the caller wants nothing more, and the call ends. In the middle of a question, that is let go first."""

from chalicelib.voice import reprompts
from chalicelib.voice.bot import FALLBACK
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, done
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    """Hang up, unless something else was asked: a "no" to that is not meant as the end of the call."""
    asked = turn.session_attributes.get(reprompts.ATTRIBUTE, "")
    if asked and not asked.startswith(f"{FALLBACK}:"):
        return done("let_go")
    return Reply("Close", (say("goodbye"),), "ended", state="Fulfilled")


def fulfill(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(turn, teller)
