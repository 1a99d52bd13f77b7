"""The stand-in for Bedrock as a part of the local cloud."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from localcloud.layout import ROOT
from localcloud.processes import clean_environment, end, free_port, spawn, wait_for_url


@dataclass
class ModelServer:
    """The program of ``localcloud.model``; ``upstream`` is a server of chat completions to ask instead of the rules."""

    log: Path
    temporary: Path
    port: int = 0
    upstream: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it without waiting. Call this from the main thread."""
        self.port = free_port(self.port)
        additions = {"MODEL_URL": self.upstream} if self.upstream else {}
        with self.log.open("ab") as log:
            self.process = spawn(
                [sys.executable, "-m", "localcloud.model", str(self.port)],
                environment=clean_environment(additions, temporary=self.temporary),
                on_parent_death=signal.SIGTERM,
                output=log,
                directory=ROOT,
            )

    def wait(self, patience: float = 30) -> None:
        """Return once it answers."""
        assert self.process is not None
        wait_for_url(
            self.process,
            f"{self.url}/control",
            "The stand-in for the model does not start; model.log says why.",
            patience,
        )

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, signal.SIGTERM, patience=2)
