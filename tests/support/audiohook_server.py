"""A tiny AudioHook server for tests of the simulated client: keeps all that comes, answers as told, on aiohttp.

Independent of Cueline's own server on purpose. It objects to what a client gets wrong by `disconnect error`.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

PATH = "/api/v1/audiohook/ws"


@dataclass
class Session:
    """What one client said."""

    headers: dict[str, str]
    target: str
    socket: web.WebSocketResponse
    messages: list[dict[str, Any]] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    code: int | None = None
    over: bool = False
    seq: int = 0

    async def say(self, type_: str, parameters: Any = None, **wrong: Any) -> None:
        self.seq += 1
        client_seq = self.messages[-1]["seq"] if self.messages else 0
        body = {
            "version": "2",
            "type": type_,
            "id": self.headers["Audiohook-Session-Id"],
            "seq": self.seq,
            "clientseq": client_seq,
            "parameters": parameters or {},
        }
        await self.socket.send_str(json.dumps(body | wrong))

    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == type_]


class LoopbackServer:
    """Override `on` to answer otherwise; `status` refuses upgrades."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.status: int | None = None
        self.refusals = 0
        self.choice = 0  # of the media offered
        self.mute: set[str] = set()  # message types that are not answered
        self.extra: dict[str, Any] = {}  # parameters of opened

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.status is not None:
            self.refusals += 1
            return web.Response(status=self.status)
        socket = web.WebSocketResponse(max_msg_size=65_536, compress=False)
        await socket.prepare(request)
        session = Session(dict(request.headers), request.raw_path, socket)
        self.sessions.append(session)
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    await self.on_audio(session, message.data)
                elif message.type is WSMsgType.TEXT:
                    await self.on_text(session, message.data)
        finally:
            session.code, session.over = socket.close_code or 1005, True  # aiohttp has 0 for an empty frame
        return socket

    async def on_audio(self, session: Session, data: bytes) -> None:
        session.audio += data
        session.sizes.append(len(data))
        if len(data) % 2:
            await self.object(session)

    async def on_text(self, session: Session, data: str) -> None:
        expected = len(session.messages) + 1
        try:
            message = json.loads(data)
            good = message["seq"] == expected and message["id"] == session.headers["Audiohook-Session-Id"]
            good = good and isinstance(message["parameters"], dict) and message["version"] == "2"
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            await self.object(session)
            return
        session.messages.append(message)
        if message["type"] not in self.mute:
            await self.on(session, message)

    async def object(self, session: Session) -> None:
        await session.say("disconnect", {"reason": "error", "info": "fault"})

    async def on(self, session: Session, message: dict[str, Any]) -> None:
        match message["type"]:
            case "open":
                media = message["parameters"]["media"]
                chosen = media[self.choice : self.choice + 1]
                await session.say("opened", {"startPaused": False, "media": chosen} | self.extra)
            case "ping":
                await session.say("pong")
            case "close":
                await session.say("closed")


@asynccontextmanager
async def serving(server: LoopbackServer, ssl: Any = None) -> AsyncIterator[str]:
    """The server's address while the block lasts."""
    app = web.Application()
    app.router.add_get(PATH, server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl)
    await site.start()
    try:
        yield f"{'wss' if ssl else 'ws'}://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        for session in server.sessions:
            await asyncio.wait_for(session.socket.close(), 5)
        await runner.cleanup()
