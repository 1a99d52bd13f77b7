"""A stand-in for somebody else's service, as a program of the local cloud."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.layout import ROOT
from localcloud.processes import clean_environment, end, free_port, spawn, wait_for_url


@dataclass
class StandIn:
    """The program ``python -m MODULE PORT ARGUMENT …``, which answers at the path ``health`` once it has started."""

    module: str
    health: str
    log: Path
    temporary: Path
    port: int = 0
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it without waiting. Call this from the main thread."""
        self.port = free_port(self.port)
        with self.log.open("ab") as log:
            self.process = spawn(
                [sys.executable, "-m", self.module, str(self.port), *self.arguments],
                environment=clean_environment(self.environment, temporary=self.temporary),
                on_parent_death=signal.SIGTERM,
                output=log,
                directory=ROOT,
            )

    def wait(self, patience: float = 30) -> None:
        """Return once it answers."""
        assert self.process is not None
        complaint = f"The stand-in for the {self.log.stem} does not start; {self.log.name} says why."
        wait_for_url(self.process, self.url + self.health, complaint, patience)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, signal.SIGTERM, patience=2)
