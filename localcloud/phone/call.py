"""A call from its beginning to its end: what is said on both sides, as a person would write it down."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from localcloud.phone.definition import Bot
from localcloud.phone.dialogue import Dialogue, Exchange, Function, Turn
from localcloud.phone.events import Input
from localcloud.phone.understanding import Session, asked_digits

TRANSFERRED = "(transferred to a person)"
HUNG_UP = "(the call has ended)"
INPUTS = ("caller", "keypad", "silence")
"""How the lines of scripts and transcripts begin that say what a caller does."""


def new_session_id() -> str:
    """Amazon Connect gives a call's own id, which is such a one."""
    return str(uuid.uuid4())


@dataclass
class Call:
    """One call. ``exchanges`` are what the last input made Lex and the codehook tell one another."""

    bot: Bot
    function: Function
    session_id: str = field(default_factory=new_session_id)
    exchanges: tuple[Exchange, ...] = ()
    _session: Session = field(init=False)

    def __post_init__(self) -> None:
        self._session = Session(self.session_id, {})

    @property
    def has_ended(self) -> bool:
        return self._session.action == "Close"

    @property
    def digits(self) -> int | None:
        """How many digits of the keypad are asked for, if any."""
        return asked_digits(self._session, self.bot)

    def begin(self) -> list[str]:
        """What is heard before the caller has said anything: the contact flow's greeting."""
        return [self.bot.greeting] if self.bot.greeting else []

    def hear(self, said: Input) -> list[str]:
        """What the caller hears after an input, the end of the call included."""
        turn = Dialogue(self.bot, self.function).turn(self._session, said)
        self._session, self.exchanges = turn.session, turn.exchanges
        return list(_lines(turn))


def _lines(turn: Turn) -> Iterator[str]:
    yield from turn.heard
    if turn.failure is not None:
        yield f"(the codehook failed: {turn.failure})"
    if turn.goes_to_a_person:
        yield TRANSFERRED
    elif turn.has_ended:
        yield HUNG_UP


def read_typed(line: str) -> Input:
    """A line as people type it: words, ``#1234`` for the keypad, nothing for silence."""
    text = line.strip()
    return Input(text[1:], keypad=True) if text.startswith("#") else Input(text)


def show_input(said: Input) -> str:
    """An input in the form of scripts."""
    if not said.text:
        return "silence"
    return f"keypad: {said.text}" if said.keypad else f"caller: {said.text}"


def spoken(heard: Iterable[str]) -> list[str]:
    """What was heard in the form of transcripts, whose notes stand in parentheses."""
    return [line if line.startswith("(") else f"bot: {line}" for line in heard]
