"""The sockets of notification channels: heartbeats, events, pongs, announced ends, and the faults that strike them."""

import asyncio
import contextlib

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from engine.simulator.channels import Channel, Outlet, event
from engine.simulator.cloud import Cloud
from engine.simulator.refusals import RefusalError

HEARTBEAT = event("channel.metadata", {"message": "WebSocket Heartbeat"})
PONG = event("channel.metadata", {"message": "pong"})
CLOSING = event("v2.system.socket_closing", {"message": "WebSocket connection will be closed"})
CLOSE_TIMEOUT_S = 1.0


class NotificationSockets:
    """Open sockets; all are closed at the end."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._open: set[web.WebSocketResponse] = set()

    def add_to(self, app: web.Application) -> None:
        """Register the route."""
        app.router.add_get("/notifications/{channel}", self._serve)
        app.on_shutdown.append(self._close)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        noted = self._cloud.journal.request(request.method, "/notifications")
        try:
            channel = self._cloud.channels.find(request.match_info["channel"])
        except RefusalError as refusal:
            noted.status = refusal.status
            return web.json_response(refusal.body(), status=refusal.status)
        socket = web.WebSocketResponse(timeout=CLOSE_TIMEOUT_S, compress=False)
        await socket.prepare(request)
        noted.status = 101
        self._open.add(socket)
        try:
            await _Socket(self._cloud, channel, socket, request).run()
        finally:
            self._open.discard(socket)
        return socket

    async def _close(self, _app: web.Application) -> None:
        for socket in tuple(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)


class _Socket:
    """One open socket of a channel."""

    def __init__(self, cloud: Cloud, channel: Channel, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._cloud = cloud
        self._channel = channel
        self._socket = socket
        self._request = request
        self._outlet = Outlet()
        self._muted = False

    async def run(self) -> None:
        """Until the peer goes, the channel's time is over or a fault ends it."""
        self._channel.outlets.append(self._outlet)
        parts = [asyncio.create_task(part) for part in (self._read(), self._write(), self._beat(), self._expire())]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._channel.outlets.remove(self._outlet)
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
        with contextlib.suppress(ConnectionError):
            await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is WSMsgType.TEXT and _asks(message.data):
                self._cloud.channels.send(self._outlet, PONG)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._cloud.options.heartbeat_s)
            self._cloud.channels.send(self._outlet, HEARTBEAT)

    async def _expire(self) -> None:
        await asyncio.sleep(self._cloud.options.channel_life_s)

    async def _write(self) -> None:
        while True:
            await self._outlet.ready.wait()
            self._outlet.ready.clear()
            while self._outlet.waiting:
                item = self._outlet.waiting.popleft()
                if isinstance(item, bytes):
                    await self._say(item)
                    continue
                match item.effect:
                    case "drop":
                        assert self._request.transport is not None
                        self._request.transport.abort()
                        return
                    case "silence":
                        self._muted = True
                    case "extra":
                        await self._say(item.payload)
                    case _:
                        await self._say(CLOSING)
                        asyncio.get_running_loop().call_later(self._cloud.options.closing_s, self._end)

    def _end(self) -> None:
        if self._request.transport is not None:
            self._request.transport.close()

    async def _say(self, text: bytes) -> None:
        if not self._muted:
            await self._socket.send_frame(text, WSMsgType.TEXT)


def _asks(text: str) -> bool:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(body, dict) and body.get("message") == "ping"
