"""The programs of a local cloud: made as they were the last time, remembered, and ended together."""

import subprocess
from dataclasses import dataclass
from typing import Protocol

from localcloud.bank.part import bank_server, new_api_key
from localcloud.layout import Layout
from localcloud.logs import LogPump, Screen
from localcloud.ministack import MiniStack
from localcloud.model.part import model_server
from localcloud.postgres import Postgres, new_password
from localcloud.stand_in import StandIn

NAMES = ("ministack", "model", "bank", "postgres")
"""In the order in which they end."""


class Part(Protocol):
    """A program that can be started again on its port."""

    port: int
    process: subprocess.Popen[bytes] | None

    def launch(self) -> None:
        """Start it without waiting."""

    def wait(self) -> None:
        """Return once it answers."""

    def stop(self) -> None:
        """End it in good order."""


@dataclass(frozen=True)
class Parts:
    """Every program of a local cloud. ``bank_api_key`` is what the bank wants to see of its callers."""

    layout: Layout
    screen: Screen
    ministack: MiniStack
    model: StandIn
    bank: StandIn
    postgres: Postgres
    bank_api_key: str

    @classmethod
    def remembered(cls, layout: Layout, screen: Screen, model_url: str | None) -> "Parts":
        """With the ports and the secrets of the last time; ``model_url`` as in ``LocalCloud``."""
        settings, logs, temporary = layout.settings(), layout.logs, layout.temporary
        password = settings.get("postgres_password") or new_password()
        api_key = settings.get("bank_api_key") or new_api_key()
        layout.remember({"postgres_password": password, "bank_api_key": api_key})
        port = {name: layout.port(f"{name}_port") for name in NAMES}
        return cls(
            layout,
            screen,
            MiniStack(layout.ministack, temporary, port["ministack"]),
            model_server(logs / "model.log", temporary, port["model"], model_url),
            bank_server(logs / "bank.log", temporary, layout.bank, api_key, port["bank"]),
            Postgres(layout.postgres, temporary, logs / "postgres.log", password, port["postgres"]),
            api_key,
        )

    def __getitem__(self, name: str) -> Part:
        """One of ``NAMES``."""
        part: Part = getattr(self, name)
        return part

    def launch(self, name: str) -> None:
        """Start a part without waiting. Call this from the main thread."""
        self[name].launch()
        if name == "ministack":
            LogPump(self.layout.logs, self.screen).start(self.ministack.output)

    def remember_ports(self) -> None:
        self.layout.remember({f"{name}_port": str(self[name].port) for name in NAMES})

    def processes(self) -> dict[str, int]:
        """Process ids by name."""
        return {name: process.pid for name in NAMES if (process := self[name].process)}

    def stop(self) -> None:
        """End every part in good order."""
        for name in NAMES:
            self[name].stop()
