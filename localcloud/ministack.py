"""MiniStack, the AWS emulator, as a program of the local cloud: IAM enforced, state kept, 127.0.0.1 only."""

import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import botocore.session
from botocore.config import Config

from localcloud.layout import ROOT
from localcloud.processes import clean_environment, end, free_port, spawn, wait_for_url

REGION = "us-east-1"
ACCOUNT = "000000000000"

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
"""The account's root user, who may do everything; the functions have roles of their own."""


@dataclass
class MiniStack:
    """One emulator, whose state lies in ``state``. ``output`` is readable once it was launched."""

    state: Path
    temporary: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> IO[bytes]:
        """What MiniStack and, marked, the functions write."""
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout

    def launch(self) -> None:
        """Start it without waiting. Call this from the main thread."""
        self.port = free_port(self.port)
        # It holds the stage's secrets, in files that MiniStack lets everyone read.
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        environment = {
            **CREDENTIALS,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "AUTH": "true",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LAMBDA_WARM_TTL_SECONDS": "60",
            "DOCKER_HOST": "unix:///nonexistent",
        }
        self.process = spawn(
            [sys.executable, "-m", "localcloud.launcher"],
            environment=clean_environment(environment, temporary=self.temporary),
            on_parent_death=signal.SIGTERM,
            output=subprocess.PIPE,
            directory=ROOT,
        )

    def wait(self, patience: float = 30) -> None:
        """Return once it answers."""
        assert self.process is not None
        wait_for_url(
            self.process, f"{self.url}/_ministack/health", "MiniStack does not start; ministack.log says why.", patience
        )

    def stop(self) -> None:
        """Save the state and end it, and every function with it."""
        if self.process is not None:
            end(self.process, signal.SIGTERM, patience=10)

    def client(self, service: str) -> Any:
        """A client of one service, for the account's root user."""
        return client(service, self.url)


def client(service: str, url: str) -> Any:
    """A client of a running MiniStack, whatever AWS settings and proxies the environment holds."""
    session = botocore.session.Session(profile=None)
    return session.create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=60),
    )
