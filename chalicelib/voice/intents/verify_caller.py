"""VerifyCaller: the proof of who calls, before anything else is asked for."""

from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, done
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller
from chalicelib.voice.verification import Proven, require


def handle_dialog(turn: Turn, teller: Teller) -> Reply:
    proven = require(turn, teller)
    return done("verified", say("verified")) if isinstance(proven, Proven) else proven


def fulfill(turn: Turn, teller: Teller) -> Reply:
    return handle_dialog(turn, teller)
