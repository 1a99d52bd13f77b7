"""The fallback: nothing was understood, or nothing was said."""

from chalicelib.voice.bot import FALLBACK
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    words = say("fallback_silence" if turn.is_silent else "fallback")
    return Reply("ElicitIntent", (words,), "not_understood", asks=FALLBACK)


def fulfill(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(turn, teller)
