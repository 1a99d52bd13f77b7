"""The local cloud as a whole: starts its parts, keeps them running, and ends every one of them."""

import asyncio
import contextlib
import errno
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click
from botocore.exceptions import BotoCoreError, ClientError

from infra.packaging import Package
from infra.stages import read_stage
from localcloud import watch
from localcloud.dead_letters import DeadLetters
from localcloud.deployment import LocalDeployment, package_sources
from localcloud.layout import STAGE, Endpoints, Layout, write_private
from localcloud.logs import Screen
from localcloud.ministack import CREDENTIALS
from localcloud.parts import NAMES, Parts
from localcloud.phone.function import DeployedFunction
from localcloud.phone.page import Phone
from localcloud.processes import StartError, raise_file_limit
from localcloud.proxy import Proxy
from localcloud.sockets import SOCKET_PATH
from localcloud.sources import look_at_sources
from localcloud.target import LocalTarget

WATCH_EVERY_SECONDS = 0.25
RESTART_AFTER_SECONDS = 1.0
LOOK_FOR_DEAD_LETTERS_EVERY_SECONDS = 3.0
LOOK_FOR_DEPLOYMENTS_EVERY_SECONDS = 1.0


class Terminated(KeyboardInterrupt):
    """The process was asked to end by a signal other than Ctrl-C's."""


@dataclass
class LocalCloud:
    """Everything ``make run`` starts.

    ``port`` 0 takes any free one; ``reload`` watches the sources; ``model_url`` is a server of chat completions to ask
    in place of the stand-in's own rules.
    """

    layout: Layout
    port: int
    reload: bool
    screen: Screen
    model_url: str | None = None
    _parts: Parts = field(init=False)
    _deployment: LocalDeployment = field(init=False)
    _package: Package = field(init=False)
    _proxy: Proxy = field(init=False)
    _sources: watch.Snapshot = field(init=False)

    def run(self) -> None:
        """Start, report ``ready``, and stay until a signal comes; then stop every part."""
        # A shell that starts a program in the background lets it ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _terminate)
        self.layout.create()
        raise_file_limit()
        with self.layout.locked(), contextlib.closing(self._listen()) as listener, self._prepared():
            started = time.monotonic()
            self._deploy(f"127.0.0.1:{listener.getsockname()[1]}")
            self._publish()
            try:
                asyncio.run(self._serve(listener, started))
            finally:
                self.layout.withdraw()

    def _listen(self) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", self.port))
        except OSError as error:
            listener.close()
            why = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise StartError(f"Port {self.port} of 127.0.0.1 {why}. Choose another one: make run PORT=8001") from error
        listener.listen(512)
        return listener

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        self._parts = Parts.remembered(self.layout, self.screen, self.model_url)
        try:
            yield
        finally:
            self.screen.say("stopping …")
            # A second Ctrl-C must not leave anything behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._parts.stop()

    def _deploy(self, place: str) -> None:
        """Bring up the servers and deploy to them; packaging goes on meanwhile. ``place`` is the front door's."""
        self._sources = watch.snapshot()
        parts = self._parts
        for name in ("ministack", "model", "bank"):
            parts.launch(name)
        with ThreadPoolExecutor() as pool:
            looking = pool.submit(look_at_sources)
            packaging = pool.submit(package_sources, self.layout.package)
            with self._step("PostgreSQL"):
                parts.postgres.start()
            with self._step("MiniStack"):
                parts.ministack.wait()
            for name in ("model", "bank"):
                with self._step(name):
                    parts[name].wait()
            with self._step("application packaged"):
                sources = looking.result()
                self._package = packaging.result()
        parts.remember_ports()
        endpoints = Endpoints(
            http=f"http://{place}",
            websocket=f"ws://{place}{SOCKET_PATH}",
            aws_endpoint_url=parts.ministack.url,
            postgres_dsn=parts.postgres.dsn,
            bank=parts.bank.url,
            model=parts.model.url,
        )
        self._deployment = LocalDeployment(LocalTarget(read_stage(STAGE), endpoints, parts.bank_api_key))
        with self._step("stacks deployed"):
            self._deployment.seed_webhook_secrets(sources)
            self._deployment.deploy(self._package)

    @contextlib.contextmanager
    def _step(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        tick = click.style("✓", fg="green")
        self.screen.say(f"  {tick} {what:<24} {click.style(f'{time.monotonic() - started:5.1f} s', dim=True)}")

    def _publish(self) -> None:
        variables = self._parts.ministack.client("lambda").get_function_configuration(
            FunctionName=f"frontdesk-{STAGE}-api_handler"
        )["Environment"]["Variables"]
        write_private(
            self.layout.environment_file, {**variables, **CREDENTIALS, "AWS_ENDPOINT_URL": self._parts.ministack.url}
        )
        self.layout.publish(self._deployment.target.endpoints)

    async def _serve(self, listener: socket.socket, started: float) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        phone = Phone(DeployedFunction(self._parts.ministack.client("lambda")))
        self._proxy = Proxy(listener, *self._targets(), phone)
        await self._proxy.start()
        tasks = [
            *(asyncio.create_task(self._supervise(name)) for name in NAMES),
            asyncio.create_task(self._watch_dead_letters()),
            asyncio.create_task(self._follow_deployments()),
        ]
        if self.reload:
            tasks.append(asyncio.create_task(self._watch()))
        self.screen.say(
            f"ready {self._deployment.target.endpoints.http} after {time.monotonic() - started:.1f} s; Ctrl-C stops it"
        )
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in [stopped, *tasks]:
            task.cancel()
        await self._proxy.stop()
        for task in done - {stopped}:
            task.result()

    def _targets(self) -> tuple[str | None, str | None]:
        return self._deployment.urls() or (None, None)

    async def _follow_deployments(self) -> None:
        """Let the front door lead to what `python -m infra deploy` has brought."""
        while True:
            await asyncio.sleep(LOOK_FOR_DEPLOYMENTS_EVERY_SECONDS)
            with contextlib.suppress(BotoCoreError, ClientError):  # MiniStack is restarting
                self._proxy.target, self._proxy.socket_target = await asyncio.to_thread(self._targets)

    async def _supervise(self, name: str) -> None:
        """Start a part again that ended by itself, unless ``localcloud kill`` asked for a longer pause."""
        part = self._parts[name]
        while True:
            write_private(self.layout.processes_file, self._parts.processes())
            assert part.process is not None
            while (code := part.process.poll()) is None:  # noqa: ASYNC110 - a process has no event to wait for
                await asyncio.sleep(0.1)
            pause = max(RESTART_AFTER_SECONDS, self.layout.pause_of(name))
            self.screen.say(click.style(f"{name} has ended ({code}); it is started again in {pause:.0f} s", fg="red"))
            await asyncio.sleep(pause)
            self._parts.launch(name)
            await asyncio.to_thread(part.wait)
            self.screen.say(click.style(f"{name} runs again", fg="green"))

    async def _watch_dead_letters(self) -> None:
        letters = DeadLetters(self._parts.ministack.client("sqs"))
        while True:
            with contextlib.suppress(BotoCoreError, ClientError):  # MiniStack is restarting
                for line in await asyncio.to_thread(lambda: list(letters.news())):
                    self.screen.say(click.style(line, fg="yellow"))
            await asyncio.sleep(LOOK_FOR_DEAD_LETTERS_EVERY_SECONDS)

    async def _watch(self) -> None:
        """Bring changed sources into the running functions; what fails is tried again with the next change."""
        before = self._sources
        pending: set[Path] = set()
        while True:
            await asyncio.sleep(WATCH_EVERY_SECONDS)
            after = watch.snapshot()
            if paths := watch.changed(before, after):
                before = after
                pending |= paths
                if await asyncio.to_thread(self._reload, pending):
                    pending = set()

    def _reload(self, paths: set[Path]) -> bool:
        """Deploy changed files; whether that worked. Nothing is touched before the new code has been looked at."""
        started = time.monotonic()
        try:
            sources = look_at_sources()
            package = package_sources(self.layout.package) if watch.needs_stack_update(paths) else None
            if package is not None:
                self._package = package
                self._deployment.deploy(self._package)
                self._proxy.target, self._proxy.socket_target = self._targets()
                self._publish()
            else:
                self._deployment.push_code(self._package, migrate=any(path.suffix == ".sql" for path in paths))
            for name in self._deployment.seed_webhook_secrets(sources):
                self.screen.say(f"made a secret for the source {name}")
        except Exception as error:  # noqa: BLE001 - the boundary of one reload: a typo must not end the local cloud
            self.screen.say(click.style(f"not deployed, the previous code keeps running: {error}", fg="red"))
            return False
        what = "new code" if package is None else "new code and stacks"
        self.screen.say(f"{what} after {time.monotonic() - started:.1f} s")
        return True


def _terminate(number: int, frame: object) -> None:
    raise Terminated(signal.Signals(number).name)
