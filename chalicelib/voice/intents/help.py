"""Help: what this line can do."""

from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    return Reply("ElicitIntent", (say("help"),), "helped")


def fulfill(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(turn, teller)
