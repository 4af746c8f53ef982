"""A cloud made by somebody else: it obeys the interfaces as the specs write them, and differs from our simulator wherever they are silent.

Addresses with paths and a query, another JSON in errors and answers, look-ups by call only, no acknowledgement, audio in
binary messages of odd sizes with fields of its own, heartbeats in between, ends without a word. Each `Line` is one
conversation with its own ways; a script of answers, used up one by one, may stand before each step.
"""

import asyncio
import base64
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from aiohttp import WSMessage, WSMsgType, web
from aiohttp.test_utils import TestServer

Ending = Literal["close 1000", "abort", "close 1001", "state", "terminated"]
BYTES_PER_S = 16_000
CLIENT = ("somebody", "s3cret-of-somebody")
CONNECTED = {"type": "connected", "code": 200, "status": "ok", "session": {"id": 7, "node": "b"}, "heartbeat": 30}
TALKING = {"participants": [{"purpose": "customer", "state": "connected"}, {"purpose": "agent", "state": "alerting"}]}


@dataclass
class Line:
    """One conversation. `looks` are answers to look-ups, `answers` to `subscribe`, the last of each for ever."""

    pcm: bytes
    sizes: Sequence[int] = (320,)
    binary: bool = False
    ack: dict[str, Any] | None = None
    ending: Ending = "close 1000"
    break_at: int | None = (
        None  # of the audio's bytes: once, the connection is cut there, and what is said meanwhile is lost
    )
    looks: list[Any] = field(default_factory=lambda: [TALKING])
    refusals: list[dict[str, Any]] = field(default_factory=list)  # of `subscribe`, before it is granted
    over: bool = False
    at: int = 0
    subscriptions: int = 0


class StrangeCloud:
    """`upgrades` and `connects` are answers before all is well: HTTP statuses, and messages (None: silence)."""

    def __init__(self, lines: dict[str, Line], speed: float) -> None:
        self.lines = lines
        self.speed = speed
        self.logins: list[int] = []  # statuses before all is well
        self.upgrades: list[int] = []
        self.connects: list[dict[str, Any] | None] = []
        self.tokens: list[str] = []
        self.counts: Counter[str] = Counter()
        self.environment: dict[str, str] = {}

    async def login(self, request: web.Request) -> web.Response:
        self.counts["login"] += 1
        form = await request.text()
        if self.logins:
            return web.Response(status=self.logins.pop(0), text="<h1>no</h1>", content_type="text/html")
        if (
            request.headers.get("Authorization") != aiohttp.encode_basic_auth(*CLIENT)
            or form != "grant_type=client_credentials"
        ):
            return web.json_response({"error_description": "who?"}, status=401)
        self.tokens.append(f"bearer.{len(self.tokens)}+/=~" + "x" * 900)
        return web.Response(text=json.dumps({"scope": "", "expires_in": "3600", "access_token": self.tokens[-1]}))

    async def look(self, request: web.Request) -> web.Response:
        self.counts["look"] += 1
        if request.headers.get("Authorization") != f"Bearer {self.tokens[-1]}":
            return web.Response(status=401)
        line = self.lines.get(request.match_info["id"])
        if line is None:
            return web.Response(status=404, text="no")
        if line.over:
            return web.json_response({"participants": [{"purpose": "customer", "state": "disconnected"}]})
        answer = line.looks.pop(0) if len(line.looks) > 1 else line.looks[0]
        return web.Response(status=answer) if isinstance(answer, int) else web.json_response(answer)

    async def realtime(self, request: web.Request) -> web.StreamResponse:
        self.counts["upgrade"] += 1
        if self.upgrades:
            return web.Response(status=self.upgrades.pop(0))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        hello = json.loads(await socket.receive_str(timeout=10))
        assert set(hello) == {"type", "apiVersion", "token"}, hello
        answer: dict[str, Any] | None = CONNECTED
        if self.connects:
            answer = self.connects.pop(0)
        elif hello["token"] != self.tokens[-1]:
            answer = {"type": "response", "response": {"statusCode": "401"}}
        if answer is None:
            await socket.receive()
        else:
            await socket.send_json(answer)
            if answer["type"] == "connected" and (message := await socket.receive(timeout=10)).type is WSMsgType.TEXT:
                await self._subscribed(request, socket, json.loads(message.data))
        await socket.close()
        return socket

    async def _subscribed(self, request: web.Request, socket: web.WebSocketResponse, wanted: dict[str, Any]) -> None:
        line = self.lines[wanted["request"]["conversationId"]]
        line.subscriptions += 1
        if line.refusals:
            await socket.send_json(line.refusals.pop(0))
            return
        if line.ack is not None:
            await socket.send_json(line.ack)
        gone = asyncio.create_task(socket.receive())
        try:
            await self._play(request, socket, line, gone)
        except ConnectionError:
            return
        finally:
            gone.cancel()

    async def _play(
        self, request: web.Request, socket: web.WebSocketResponse, line: Line, gone: asyncio.Task[WSMessage]
    ) -> None:
        """Play on from where the call is by now."""
        loop = asyncio.get_running_loop()
        start_s = loop.time() - line.at / BYTES_PER_S / self.speed
        for number, size in enumerate(itertools.cycle(line.sizes)):
            chunk = line.pcm[line.at : line.at + size]
            line.at += len(chunk)
            await asyncio.sleep(start_s + line.at / BYTES_PER_S / self.speed - loop.time())
            if line.break_at is not None and line.at >= line.break_at:
                line.break_at = None
                _cut(request)
            if gone.done():
                return
            if not chunk:
                break
            message = {"seq": number, "audio": base64.b64encode(chunk).decode(), "channel": "external", "type": "audio"}
            text = json.dumps(message, indent=1 if number % 2 else None)
            await (socket.send_bytes(text.encode()) if line.binary else socket.send_str(text))
            if number % 50 == 7:
                await socket.send_str(json.dumps({"type": "heartbeat", "status": "alive", "load": number}))
        line.over = True
        match line.ending:
            case "abort":
                _cut(request)
            case "state":
                await socket.send_json({"type": "conversation.update", "eventBody": {"state": "TERMINATED"}})
                await gone
            case "terminated":
                await socket.send_json({"type": "callTerminated"})
                await gone
            case code:
                gone.cancel()
                await asyncio.wait([gone])
                await socket.close(code=int(code.removeprefix("close ")))


def _cut(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


@asynccontextmanager
async def strange_cloud(lines: dict[str, Line], speed: float = 4.0) -> AsyncIterator[StrangeCloud]:
    """It runs; `environment` points at it."""
    cloud, app = StrangeCloud(lines, speed), web.Application()
    app.router.add_post("/identity/oauth/token", cloud.login)
    app.router.add_get("/gateway/v7/api/v2/conversations/calls/{id}", cloud.look)
    app.router.add_get("/media", cloud.realtime)
    async with TestServer(app) as server:
        http = str(server.make_url("")).rstrip("/")
        cloud.environment = {
            "GENESYS_CLIENT_ID": CLIENT[0],
            "GENESYS_CLIENT_SECRET": CLIENT[1],
            "GENESYS_LOGIN_URL": f"{http}/identity/",
            "GENESYS_API_URL": f"{http}/gateway/v7",
            "GENESYS_REALTIME_URL": f"{http.replace('http', 'ws', 1)}/media?tenant=a%20b",
            "GENESYS_CONVERSATION_ID": " , ".join(lines),
        }
        yield cloud
