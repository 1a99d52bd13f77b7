"""How MiniStack's state is saved, without a MiniStack."""

import sys
import threading
import time
from typing import Any

import ministack
import pytest

from localcloud import launcher


def test_two_saves_never_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of every few seconds, and that on the stop."""
    inside, most, saves = [0], [0], threading.Semaphore(0)

    def save_all(_: Any) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        inside[0] -= 1
        saves.release()

    class App:
        @staticmethod
        def _build_persistence_save_dict() -> dict[str, Any]:
            return {}

    app: Any = App()
    app.save_all = save_all
    monkeypatch.setitem(sys.modules, "ministack.app", app)
    monkeypatch.setattr(ministack, "app", app, raising=False)
    monkeypatch.setattr(launcher, "SAVE_EVERY_SECONDS", 0.01)

    launcher.save_periodically()
    for _ in range(3):
        app.save_all({})
    for _ in range(6):
        assert saves.acquire(timeout=30)

    assert most == [1]
