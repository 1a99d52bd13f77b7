"""What can be made to go wrong with the bank, and when."""

import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FAULTS: Mapping[str, str] = {
    "normal": "Everything works.",
    "slow": "Acts and answers late (--seconds, 3), also when the caller has hung up.",
    "stall": "Neither acts nor answers, and keeps the connection open.",
    "fail": "503 unavailable, without acting.",
    "error": "500 internal, without acting.",
    "error-after": "Acts, then 500 internal.",
    "drop": "Cuts the connection before acting.",
    "drop-after": "Acts, then cuts the connection without an answer.",
    "rubbish": "Acts, then 200 with a malformed body, each time another one.",
    "drip": "Acts, then sends the answer slowly, a byte every second (--seconds).",
    "throttle": "429 with Retry-After (--seconds, 1), without acting.",
    "pending": "New transfers are pending and carried out later (--seconds, 10).",
}

_SECONDS = {"slow": 3.0, "drip": 1.0, "throttle": 1.0, "pending": 10.0}
"""What a fault takes where nothing else is said."""

_NUMBER = (int, float)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "probability": _NUMBER,
    "seed": (int,),
    "seconds": _NUMBER,
    "times": (int,),
    "path": (str,),
    "method": (str,),
}


class InvalidSettingError(Exception):
    """A setting of the faults is not understood; the message says what is possible."""


@dataclass(frozen=True)
class Setting:
    """Which requests meet which faults.

    One of ``faults``, drawn by ``seed``, is met with ``probability`` by a request of ``method`` (None for all) whose
    path begins with ``path``, until ``times`` of them (None for no end) have met one. ``seconds`` None is each fault's
    own. Without ``faults`` everything works.
    """

    faults: tuple[str, ...] = ()
    probability: float = 1.0
    seed: int | None = None
    seconds: float | None = None
    times: int | None = None
    path: str = "/"
    method: str | None = None

    @classmethod
    def read(cls, wanted: Mapping[str, Any]) -> "Setting":
        """From JSON: these fields, each absent or null for its default, or ``fault`` for a single one."""
        given = {name: value for name, value in wanted.items() if value is not None}
        names = [given.pop("fault")] if "fault" in given else given.pop("faults", None)
        if not isinstance(names, list) or not names or not all(name in FAULTS for name in map(str, names)):
            raise InvalidSettingError(f"fault must be one of these, or faults a list of them: {', '.join(FAULTS)}")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, _TYPES.get(name, ())):
                raise InvalidSettingError(f"{name} is unknown or of another type: there are {', '.join(_TYPES)}")
        in_range = 0 <= given.get("seconds", 0) < math.inf and 0 <= given.get("probability", 1) <= 1  # no NaN is
        if given.get("times", 1) < 1 or not in_range:
            raise InvalidSettingError("times is at least 1, seconds at least 0, probability from 0 to 1")
        return cls(tuple(name for name in names if name != "normal"), **given)


@dataclass(frozen=True)
class Met:
    """A fault that a request meets."""

    fault: str
    seconds: float


@dataclass
class Control:
    """How the faults are set, and what is left of them."""

    setting: Setting = Setting()
    requests: int = 0
    _left: int | None = None
    _random: random.Random = field(default_factory=random.Random)

    def set(self, setting: Setting) -> None:
        self.setting, self._left = setting, setting.times
        self._random = random.Random(setting.seed)

    def take(self, method: str, path: str) -> Met | None:
        """The fault of the request that comes now."""
        self.requests += 1
        setting = self.setting
        possible = [name for name in setting.faults if name != "pending" or (method, path) == ("POST", "/transfers")]
        if not possible or not path.startswith(setting.path) or method != (setting.method or method):
            return None
        if self._random.random() >= setting.probability:
            return None
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.setting = Setting()
        fault = self._random.choice(possible)
        seconds = setting.seconds if setting.seconds is not None else _SECONDS.get(fault, 0.0)
        return Met(fault, seconds)

    def show(self) -> dict[str, Any]:
        left = {"times": self._left} if self.setting.faults else {}
        return {**asdict(self.setting), **left, "requests": self.requests}
