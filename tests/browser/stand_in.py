"""A server for the pages: the real files with their real headers, and a chat that does what a test tells it to.

It runs in a thread of its own. The WebSocket lives at ``localhost`` and the pages at ``127.0.0.1``, which are two
origins, as with API Gateway.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

from aiohttp import WSMessage, web

from chalicelib.errors import NotFoundError
from chalicelib.web import assets

Frame = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).isoformat()


@dataclass
class Session:
    """A stored conversation. ``turns`` is what every page has to show, whatever happened on the way."""

    session_id: str
    status: str = "active"
    customer: str = "Aiko"
    reason: str = ""
    summary: str = ""
    agent: str | None = None
    since: str = field(default_factory=now)
    standing: Frame = field(default_factory=dict)
    turns: list[Frame] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    def store(self, author: str, content: str, message_id: str | None = None) -> Frame:
        turn = {"seq": len(self.turns) + 1, "author": author, "content": content, "at": now()}
        if author == "agent":
            turn["response_id"] = message_id
        elif message_id:
            turn["message_id"] = message_id
        if author == "bot":
            turn["response_id"] = f"r-{turn['seq']}"
        self.turns.append(turn)
        return turn

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(turn["author"], turn["content"]) for turn in self.turns]


@dataclass
class Agent:
    name: str
    socket: web.WebSocketResponse | None = None


Answerer = Callable[[Session, str, str], list[Frame]]


def streamed(message_id: str, *pieces: str, attempt: int = 1) -> list[Frame]:
    return [
        {"type": "delta", "message_id": message_id, "attempt": attempt, "index": index, "text": text}
        for index, text in enumerate(pieces)
    ]


def final(content: str) -> Frame:
    """The end of an answer: it is stored when its turn comes, and then sent with its number."""
    return {"type": "message", "author": "bot", "content": content}


def echo(_session: Session, message_id: str, content: str) -> list[Frame]:
    return [*streamed(message_id, "You ", "said: ", content), final(f"You said: {content}")]


class StandIn:
    def __init__(self) -> None:
        self.answer: Answerer = echo
        self.pause = 0.005
        self.drop_after: int | None = None
        self.refusals: list[tuple[int, Frame]] = []
        self.message_error: Frame | None = None
        self.claim_error: Frame | None = None
        self.hello_error: Frame | None = None
        self.in_line = "You are in line for a person of our team."
        self.unheard_hellos = 0
        self.history = 50
        self.drops_acks = False
        self.shops: list[str] = []
        self.requests: list[Frame] = []
        self.received: list[Frame] = []
        self.sessions: dict[str, Session] = {}
        self.agents: dict[str, Agent] = {"agent-token": Agent("Anna")}
        self.tokens: dict[str, str] = {}
        self.resume = asyncio.Event()
        self.is_held = False
        self.is_mute = False
        self._tickets: dict[str, Session | Agent] = {}
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._is_up = threading.Event()
        self._stop = asyncio.Event()
        self.port = 0

    # What tests call, from their own thread.

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def session(self) -> Session:
        """The newest session."""
        return list(self.sessions.values())[-1]

    def start(self) -> "StandIn":
        self._thread.start()
        assert self._is_up.wait(10)
        return self

    @property
    def is_idle(self) -> bool:
        """Whether all that was to be streamed has been sent."""
        return all(task.done() for task in self._tasks)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def do(self, job: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(job, self._loop).result(10)

    def tell(self, session: Session, author: str, content: str, message_id: str | None = None) -> None:
        """Store a turn and send it to the customer."""
        self.do(self._send(session, {"type": "message", **session.store(author, content, message_id)}))

    def tell_status(self, session: Session, status: str) -> None:
        session.status = status
        self.do(self._send(session, {"type": "handoff", "session_id": session.session_id, "status": status}))

    def send(self, session: Session, frame: Frame) -> None:
        self.do(self._send(session, frame))

    def write_as_customer(self, session: Session, content: str) -> None:
        turn = session.store("customer", content, f"c-{next(self._numbers)}")
        self.do(self._tell_agents({"type": "message", "session_id": session.session_id, **turn}))

    def tell_queue(self) -> None:
        self.do(self._tell_queue())

    def drop_all(self) -> None:
        self.do(self._drop_all())

    def wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < deadline, "It did not happen within five seconds."
            time.sleep(0.02)

    def release(self) -> None:
        self.is_held = False
        self._loop.call_soon_threadsafe(self.resume.set)

    # Serving.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self._chat),
                web.get("/desk", self._desk),
                web.get("/assets/{name}", self._asset),
                web.post("/chat/sessions", self._open_session),
                web.get("/socket", self._socket),
            ]
        )
        async with _listening(app) as port:
            self.port = port
            self._is_up.set()
            await self._stop.wait()
            await self._drop_all()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def _websocket_origin(self) -> str:
        return f"ws://localhost:{self.port}"

    async def _chat(self, request: web.Request) -> web.Response:
        page = assets.chat_page(websocket_origin=self._websocket_origin, frame_ancestors=self.shops)
        return _answer(request, page)

    async def _desk(self, request: web.Request) -> web.Response:
        return _answer(request, assets.desk_page(websocket_origin=self._websocket_origin))

    async def _asset(self, request: web.Request) -> web.Response:
        try:
            return _answer(request, assets.asset(request.match_info["name"]))
        except NotFoundError as error:
            return web.json_response({"code": error.code, "message": str(error)}, status=404)

    async def _open_session(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        if self.refusals:
            status, answer = self.refusals.pop(0)
            return web.json_response(answer, status=status)
        token = body.get("token")
        if token is not None and token not in self.tokens and token not in self.agents:
            return web.json_response({"code": "unauthorized", "message": "The token is not valid."}, status=401)
        ticket = f"ticket-{next(self._numbers)}"
        common = {
            "websocket_url": f"{self._websocket_origin}/socket?ticket={ticket}",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "resumed": token is not None,
        }
        headers = {"Date": format_datetime(datetime.now(UTC), usegmt=True)}
        if token in self.agents:
            self._tickets[ticket] = self.agents[token]
            return web.json_response({"session_id": None, "token": token, **common}, status=201, headers=headers)
        session_id = self.tokens.get(token or "") or f"session-{next(self._numbers)}"
        session = self.sessions.setdefault(session_id, Session(session_id))
        renewed = f"token-{next(self._numbers)}"
        self.tokens[renewed] = session_id
        self._tickets[ticket] = session
        return web.json_response({"session_id": session_id, "token": renewed, **common}, status=201, headers=headers)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        whose = self._tickets.pop(request.query["ticket"], None)
        if whose is None:
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if isinstance(whose, Agent):
            whose.socket = socket
        else:
            whose.sockets.append(socket)
        async for message in socket:
            await self._receive(whose, socket, message)
        if isinstance(whose, Session):
            whose.sockets.remove(socket)
        return socket

    async def _receive(self, whose: Session | Agent, socket: web.WebSocketResponse, message: WSMessage) -> None:
        frame = json.loads(message.data)
        self.received.append(frame)
        if frame["action"] == "ping":
            if not self.is_mute:
                await socket.send_json({"type": "pong"})
        elif isinstance(whose, Agent):
            await self._serve_agent(whose, frame)
        else:
            await self._serve_customer(whose, frame)

    async def _serve_customer(self, session: Session, frame: Frame) -> None:
        if frame["action"] == "hello" and self.unheard_hellos:
            self.unheard_hellos -= 1
        elif frame["action"] == "hello" and self.hello_error:
            error, self.hello_error = self.hello_error, None
            await self._send(session, {"type": "error", **error})
        elif frame["action"] == "hello":
            history = session.turns[-self.history :]
            start = {"type": "session", "session_id": session.session_id, "status": session.status}
            await self._send(session, {**start, "history": history})
        elif frame["action"] == "request_human":
            session.status, session.reason = "waiting", frame["reason"]
            await self._send(session, {"type": "message", **session.store("system", self.in_line)})
            await self._send(session, {"type": "handoff", "status": "waiting"})
            await self._tell_queue()
        elif frame["action"] == "message":
            await self._take(session, frame)

    async def _take(self, session: Session, frame: Frame) -> None:
        message_id, content = frame["message_id"], frame["content"]
        if self.message_error:
            error, self.message_error = self.message_error, None
            await self._send(session, {"type": "error", "message_id": message_id, **error})
            return
        told = [turn for turn in session.turns if turn["author"] == "customer"]
        known = [turn for turn in told if turn.get("message_id") == message_id]
        turn = known[0] if known else session.store("customer", content, message_id)
        if not known and session.status == "active":
            task = self._loop.create_task(self._stream(session, message_id, self.answer(session, message_id, content)))
            self._tasks.add(task)
        await self._send(session, {"type": "ack", "message_id": message_id, "seq": turn["seq"]})
        if not known:
            await self._tell_agents({"type": "message", "session_id": session.session_id, **turn})

    async def _stream(self, session: Session, message_id: str, frames: list[Frame]) -> None:
        """Goes on whether anybody listens or not, as the model does."""
        for frame in frames:
            await asyncio.sleep(self.pause)
            if self.is_held:
                await self.resume.wait()
            if frame["type"] == "message":
                stored = session.store("bot", frame["content"], message_id)
                await self._send(session, {"type": "message", **stored})
            else:
                await self._send(session, frame)

    async def _serve_agent(self, agent: Agent, frame: Frame) -> None:
        assert agent.socket is not None
        if frame["action"] == "hello":
            await agent.socket.send_json(self._queue(agent))
            return
        session = self.sessions[frame["session_id"]]
        if frame["action"] == "claim":
            await self._claim(agent, session)
        elif frame["action"] == "message":
            await self._say(agent.socket, session, frame)
        else:
            session.status = {"return": "active", "close": "closed"}[frame["action"]]
            session.agent = None
            told = {"type": "handoff", "session_id": session.session_id, "status": session.status}
            await self._send(session, told)
            await agent.socket.send_json(told)
            await self._tell_queue()

    async def _say(self, socket: web.WebSocketResponse, session: Session, frame: Frame) -> None:
        known = [turn for turn in session.turns if turn.get("response_id") == frame["message_id"]]
        turn = known[0] if known else session.store("agent", frame["content"], frame["message_id"])
        await self._send(session, {"type": "message", **turn})
        if self.drops_acks:
            await socket.close()
            return
        ids = {"session_id": session.session_id, "message_id": frame["message_id"]}
        await socket.send_json({"type": "ack", "seq": turn["seq"], "delivered": bool(session.sockets), **ids})

    async def _claim(self, agent: Agent, session: Session) -> None:
        assert agent.socket is not None
        if session.agent not in {None, agent.name} or self.claim_error:
            error = self.claim_error or {"code": "bad_request", "message": f"{session.agent} has taken it."}
            await agent.socket.send_json({"type": "error", **error})
            await self._tell_queue()
            return
        session.agent, session.status = agent.name, "handoff"
        await agent.socket.send_json(
            {
                "type": "conversation",
                "session_id": session.session_id,
                "status": session.status,
                "customer": session.customer,
                "summary": session.summary,
                "agent": agent.name,
                "connected": bool(session.sockets),
                "history": session.turns,
            }
        )
        await self._send(session, {"type": "handoff", "status": "handoff"})
        await self._tell_queue()

    def _queue(self, agent: Agent) -> Frame:
        waiting = [_entry(one) | one.standing for one in self.sessions.values() if one.status == "waiting"]
        mine = [_entry(one) | {"agent": agent.name} for one in self.sessions.values() if one.agent == agent.name]
        return {"type": "queue", "waiting": waiting, "mine": mine}

    async def _tell_queue(self) -> None:
        for agent in self.agents.values():
            if agent.socket and not agent.socket.closed:
                await agent.socket.send_json(self._queue(agent))

    async def _tell_agents(self, frame: Frame) -> None:
        owner = self.sessions[frame["session_id"]].agent
        for agent in self.agents.values():
            if agent.name == owner and agent.socket and not agent.socket.closed:
                await agent.socket.send_json(frame)

    async def _send(self, session: Session, frame: Frame) -> None:
        for socket in list(session.sockets):
            if socket.closed:
                continue
            await socket.send_json(frame)
            if self.drop_after is not None:
                self.drop_after -= 1
                if self.drop_after <= 0:
                    self.drop_after = None
                    assert socket._req is not None
                    assert socket._req.transport is not None
                    socket._req.transport.close()  # no closing handshake: as when a network goes

    async def _drop_all(self) -> None:
        sockets = [socket for session in self.sessions.values() for socket in session.sockets]
        sockets += [agent.socket for agent in self.agents.values() if agent.socket]
        for socket in sockets:
            await socket.close()


def _entry(session: Session) -> Frame:
    entry = {"session_id": session.session_id, "since": session.since, "customer": session.customer}
    return entry | {"reason": session.reason}


def _answer(request: web.Request, file: assets.WebFile) -> web.Response:
    unchanged = file.is_unchanged(request.headers.get("If-None-Match"))
    return web.Response(body=None if unchanged else file.body, status=304 if unchanged else 200, headers=file.headers)


@asynccontextmanager
async def _listening(app: web.Application) -> AsyncIterator[int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        assert runner.addresses
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
