"""What can be made to go wrong with the model, as Bedrock shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from localcloud.model.events import Event, text_event

FAULTS: Mapping[str, str] = {
    "normal": "Everything works, in human time.",
    "instant": "Everything works, without any pause.",
    "throttle": "429 ThrottlingException.",
    "unavailable": "503 ServiceUnavailableException.",
    "slow-first-token": "The first word comes late (--seconds).",
    "stall": "The answer stops in the middle, and the connection stays open.",
    "break": "The stream fails in the middle with modelStreamErrorException.",
    "disconnect": "The connection is cut in the middle.",
    "filter": "The answer ends in the middle as content_filtered.",
    "guardrail": "The answer is replaced, as guardrail_intervened.",
    "max-tokens": "The answer ends in the middle as max_tokens.",
    "empty": "The answer has no content.",
}

REFUSALS = {
    "throttle": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
    "unavailable": (503, "ServiceUnavailableException", "The service is unavailable, please try again."),
}
"""Status, type and message of what fails before it begins."""

CUTS = frozenset({"stall", "break", "disconnect"})
"""What ends a stream in the middle without its last events."""

_STOP_REASONS = {"filter": "content_filtered", "max-tokens": "max_tokens"}
_BLOCKED = "Sorry, the model cannot answer this question."


@dataclass
class Control:
    """What the next calls meet; ``times`` is how many of them, None for all until it changes."""

    start_instant: bool = False
    fault: str = "normal"
    times: int | None = None
    seconds: float = 20.0
    instant: bool = False

    def __post_init__(self) -> None:
        self.instant = self.start_instant

    def set(self, fault: str, times: int | None = None, seconds: float = 20.0) -> None:
        """Choose a fault. ``instant`` stays for the faults after it, until ``normal``."""
        if fault == "instant":
            self.instant = True
        elif fault == "normal":
            self.instant = self.start_instant
        self.fault = "normal" if fault == "instant" else fault
        self.times, self.seconds = times, seconds

    def take(self) -> str:
        """The fault of the call that comes now."""
        fault = self.fault
        if self.times is not None:
            self.times -= 1
            if self.times <= 0:
                self.fault, self.times = "normal", None
        return fault


def spoil(events: Sequence[Event], fault: str) -> Sequence[Event]:
    """A stream as a fault leaves it; a cut one lacks its end."""
    if fault in CUTS:
        return _first_half(events)
    if fault in _STOP_REASONS:
        return [*_first_half(events), *_end(events, _STOP_REASONS[fault])]
    if fault == "guardrail":
        stop = ("contentBlockStop", {"contentBlockIndex": 0})
        return [events[0], text_event(0, _BLOCKED), stop, *_end(events, "guardrail_intervened")]
    if fault == "empty":
        return [events[0], *_end(events, "end_turn")]
    return events


def _first_half(events: Sequence[Event]) -> Sequence[Event]:
    """Up to the middle of the deltas, at least one of them."""
    deltas = [place for place, (kind, _) in enumerate(events) if kind == "contentBlockDelta"]
    return events[: deltas[(len(deltas) - 1) // 2] + 1] if deltas else events[:1]


def _end(events: Sequence[Event], reason: str) -> Sequence[Event]:
    return [("messageStop", {"stopReason": reason}), events[-1]]
