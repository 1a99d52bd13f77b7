"""SpeakToAgent: a person, at once and without conditions."""

from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, to_agent
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    return to_agent("agent", say("agent"), state="Fulfilled")


def fulfill(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(turn, teller)
