"""The audit: takes one action after the other out of a role, sees a probe fail for that, and gives it back."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from textwrap import shorten

from tests.iam.leave import statements_of, without_statement
from tests.iam.probes import PROBES, Probe
from tests.iam.world import Leave, RefusedError, World

REFUSAL_SECONDS = 10.0
"""For a probe that succeeds all the same: so long a refusal may come after."""

COMPLAINT_SECONDS = 3.0
"""For the line in the function's log that tells of it."""

WIDTH = 100
"""Characters of what failed that are shown."""


@dataclass(frozen=True)
class Result:
    """What was seen. ``failure`` is what failed without the leave, None when nothing was refused for the want of it.

    ``relapse`` is what failed although it was given back.
    """

    leave: Leave
    probe: Probe
    failure: str | None
    relapse: str | None = None

    @property
    def is_good(self) -> bool:
        return self.failure is not None and self.relapse is None


def leaves(world: World) -> Iterator[tuple[Leave, Probe]]:
    """Every action that has a probe, with the resources for which its statement is deployed."""
    deployed = {function: statements_of(world.cloud, function) for function, _ in PROBES}
    for (function, sid), probes in PROBES.items():
        (statement,) = [one for one in deployed[function] if one["Sid"] == sid]
        for action, probe in probes.items():
            yield Leave(function, sid, action, tuple(statement["Resource"])), probe


def audit(world: World, leave: Leave, probe: Probe, patience: float = REFUSAL_SECONDS) -> Result:
    """Take a leave away, carry out its probe, and again once it is given back."""
    failure = None
    with world.watching(leave), without_statement(world.cloud, leave.function, leave.sid, leave.action):
        seen = _outcome(world, probe)
        if _comes(lambda: world.is_refused(leave), patience):
            _comes(lambda: seen or world.complaint(leave.function), COMPLAINT_SECONDS)
            failure = seen or world.complaint(leave.function) or "refused"
    return Result(leave, probe, failure, _outcome(world, probe))


def _outcome(world: World, probe: Probe) -> str | None:
    """What went wrong, in a line, empty when no more was seen than that IAM refused; None when nothing did."""
    try:
        probe.carry_out(world)
    except RefusedError:
        return ""
    except Exception as error:  # noqa: BLE001 - whatever a door raises that stays shut
        return _line(str(error) or type(error).__name__)
    return None


def _comes(what: Callable[[], object], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not (result := what()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(result)


def _line(text: str) -> str:
    """Without addresses, which have tickets in them, and not too long for a table."""
    return shorten(re.sub(r",? ?(url=)?['\"]?(wss?|https?)://\S+", "", text), WIDTH, placeholder=" …")
