"""Where the local cloud keeps what it writes, and how its commands find the one that runs."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from localcloud.processes import StartError

ROOT = Path(__file__).parent.parent
STAGE = "local"
RESET = "begin afresh with `python -m localcloud reset`."


@dataclass(frozen=True)
class Endpoints:
    """Addresses of a running local cloud: what ``python -m localcloud endpoints`` prints."""

    http: str
    websocket: str | None
    aws_endpoint_url: str
    postgres_dsn: str
    bank: str | None
    model: str | None


@dataclass(frozen=True)
class Layout:
    """The folder of one local cloud, by default ``.localcloud`` in the repository."""

    directory: Path = ROOT / ".localcloud"

    @property
    def postgres(self) -> Path:
        return self.directory / "postgres"

    @property
    def ministack(self) -> Path:
        return self.directory / "ministack"

    @property
    def package(self) -> Path:
        return self.directory / "package"

    @property
    def temporary(self) -> Path:
        return self.directory / "tmp"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def environment_file(self) -> Path:
        """The variables with which ``chalice local`` reaches this local cloud."""
        return self.directory / "environment.json"

    @property
    def settings_file(self) -> Path:
        """What must stay the same from one start to the next: ports and passwords."""
        return self.directory / "settings.json"

    @property
    def processes_file(self) -> Path:
        """Process ids of the parts that ``kill`` may end."""
        return self.directory / "processes.json"

    @property
    def _endpoints_file(self) -> Path:
        return self.directory / "endpoints.json"

    @property
    def _lock_file(self) -> Path:
        return self.directory / "lock"

    def create(self) -> None:
        """Create the folders that are missing."""
        try:
            for folder in (self.directory, self.ministack, self.temporary, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            self._lock_file.touch(mode=0o600)
            with self._lock_file.open("r+"):
                pass
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be written ({error.strerror}): was it made by another user? Remove it, "
                "or make room, and start again."
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder: only one local cloud runs from it. ``StartError`` when another one does."""
        with self._lock_file.open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StartError(
                    f"A local cloud already runs from {self.directory} (process {lock.read().strip()}): "
                    "stop it with Ctrl-C, or start this one from another folder, which goes before the command: "
                    "python -m localcloud --directory OTHER up --port 8001"
                ) from None
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def is_running(self) -> bool:
        """Whether a local cloud holds this folder, also one that is still starting."""
        try:
            with self._lock_file.open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def publish(self, endpoints: Endpoints) -> None:
        write_private(self._endpoints_file, asdict(endpoints))

    def withdraw(self) -> None:
        for file in (self._endpoints_file, self.processes_file, *self.directory.glob("pause-*")):
            file.unlink(missing_ok=True)
        self.environment_file.unlink(missing_ok=True)

    def pause(self, part: str, seconds: float) -> None:
        """Ask that a part, once it has ended, is not started again before so many seconds have gone by."""
        write_private(self.directory / f"pause-{part}", time.time() + seconds)

    def pause_of(self, part: str) -> float:
        """How many seconds of the pause of a part are left."""
        try:
            until = json.loads((self.directory / f"pause-{part}").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0.0
        return float(max(0.0, until - time.time())) if isinstance(until, int | float) else 0.0

    def endpoints(self) -> Endpoints:
        """The addresses of the local cloud that runs from here; ``StartError`` when none does."""
        if not self.is_running() or not self._endpoints_file.exists():
            raise StartError(f"No local cloud runs from {self.directory}: start it with `make run`.")
        return Endpoints(**json.loads(self._endpoints_file.read_text(encoding="utf-8")))

    def settings(self) -> dict[str, str]:
        """What was remembered; ``StartError`` when the file is damaged."""
        try:
            settings = json.loads(self.settings_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            settings = None
        if not isinstance(settings, dict) or not all(isinstance(value, str) for value in settings.values()):
            raise StartError(f"{self.settings_file} is damaged; without it the data cannot be opened: {RESET}")
        return settings

    def port(self, name: str) -> int:
        """A remembered port, 0 where there is none."""
        text = self.settings().get(name, "0")
        return int(text) if text.isdecimal() and int(text) < 65536 else 0

    def remember(self, settings: dict[str, str]) -> None:
        write_private(self.settings_file, self.settings() | settings)


def write_private(path: Path, value: object) -> None:
    """Write JSON that only its owner may read, all at once."""
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
