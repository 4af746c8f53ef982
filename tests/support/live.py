"""A live feed made by hand: what an engine says at `GET /v1/live`, as docs/live.md has it, and a server that says it.

Every part is complete, so that a test names only what it is about.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

AT = 1_700_000_000.0
SERIES = (
    "calls",
    "speaking",
    "frames_per_s",
    "phrases_per_min",
    "commands_per_min",
    "failed_per_min",
    "frame_p50_ms",
    "frame_p99_ms",
    "spot_p50_ms",
    "spot_p95_ms",
    "utilization",
    "loop_lag_ms",
)

Json = dict[str, Any]


def engine(**changes: Any) -> Json:
    return {
        "status": "ready",
        "conditions": {"model_loaded": True, "shards_up": True, "not_draining": True},
        "calls": 2,
        "speaking": 1,
        "without_audio": 0,
        "phrases_total": 41,
        "commands_total": {"delivered": 40, "failed": 0, "refused": 0, "unknown": 1},
        "refused_total": 0,
        "outbox_pending": 0,
        "outbox_dead": 0,
        "outbox_oldest_s": 0.0,
        "sinks_failing": [],
        "loop_lag_ms": 1.5,
        "token_s": 80_000.0,
        "model": "cueline-en-8k",
    } | changes


def shard(number: int = 0, **changes: Any) -> Json:
    return {
        "shard": number,
        "up": True,
        "calls": 2,
        "utilization": 0.34,
        "capacity_left": 0.41,
        "queue_frames": 3,
        "dropped": 0,
        "restarts": 0,
        "memory_mb": 210.4,
    } | changes


def call(key: str = "b157c055-2793", *speaking: bool, begun: float = AT - 84, **changes: Any) -> Json:
    channels = [
        {"channel": name, "speaking": now, "late_ms": 0}
        for name, now in zip(("external", "internal"), speaking or (True,), strict=False)
    ]
    return {
        "key": key,
        "conversation_id": key,
        "source": "realtime",
        "state": "listening",
        "reason": None,
        "since": begun + 1,
        "begun": begun,
        "shard": 0,
        "gap_ms": 0,
        "reconnects": 0,
        "phrases": 1,
        "without_audio": False,
        "channels": channels,
    } | changes


def phrase(number: int = 1, *delivered: str, **changes: Any) -> Json:
    return {
        "id": f"b157c055-2793/external/transfer-me/{number}",
        "at": AT - 10 + number,
        "key": "b157c055-2793",
        "conversation_id": "b157c055-2793",
        "channel": "external",
        "rule": "transfer-me",
        "phrase": "transfer me",
        "confidence": 0.98,
        "fired_on": "partial",
        "phrase_end_ms": 6125,
        "latency_ms": 312,
        "deliveries": [{"sink": sink, "outcome": "delivered", "latency_ms": 330} for sink in delivered],
    } | changes


def command(number: int = 1, sink: str = "hook", outcome: str = "delivered") -> Json:
    identity = phrase(number)["id"]
    return {"id": identity, "rule": "transfer-me", "sink": sink, "outcome": outcome, "at": AT, "latency_ms": 330}


def sample(value: float | None = 10.0, at: float = AT, **changes: float | None) -> Json:
    return {"at": at} | dict.fromkeys(SERIES, value) | changes


def state(**changes: Any) -> Json:
    history = {"at": [AT - 4, AT - 2]} | {name: [10.0, 20.0] for name in SERIES}
    return {
        "at": AT,
        "version": "0.7.0",
        "started_at": AT - 3_725,
        "tick_s": 1.0,
        "shows_text": False,
        "rules": [{"name": "transfer-me", "phrases": ["transfer me"], "sinks": ["hook"]}],
        "engine": engine(),
        "shards": [shard(0), shard(1)],
        "calls": [call(), call("41d91d23-cda4", False, True)],
        "ended": [],
        "phrases": [phrase(1, "hook")],
        "history": history,
    } | changes


def tick(**changes: Any) -> Json:
    return {
        "at": AT + 1,
        "engine": engine(),
        "shards": [shard(0), shard(1)],
        "calls": [],
        "left": [],
        "sample": None,
    } | changes


class Feed:
    """What a server of the feed says: `first` to everybody who comes, then whatever is told with `tell`."""

    def __init__(self, first: Json | None = None, token: str | None = None) -> None:
        self.first = first or state()
        self.token = token
        self.connections = 0
        self.answer: tuple[int, Json] | None = None  # instead of the feed
        self._followers: set[asyncio.Queue[tuple[str, Json] | None]] = set()

    @property
    def following(self) -> int:
        return len(self._followers)

    def tell(self, kind: str, data: Json) -> None:
        for queue in self._followers:
            queue.put_nowait((kind, data))

    def hang_up(self) -> None:
        """End every stream in order, as an engine that stops."""
        for queue in self._followers:
            queue.put_nowait(None)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        if self.token is not None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"detail": "this needs the header"}, status=401)
        if self.answer is not None:
            status, body = self.answer
            return web.json_response(body, status=status, content_type="application/problem+json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[tuple[str, Json] | None] = asyncio.Queue()
        self._followers.add(queue)
        try:
            await self._pump(response, queue)
        finally:
            self._followers.discard(queue)
        return response

    async def _pump(self, response: web.StreamResponse, queue: "asyncio.Queue[tuple[str, Json] | None]") -> None:
        await response.write(b"retry: 2000\n\n: keep-alive\n\n" + framed(1, "state", self.first))
        number = 1
        while (event := await queue.get()) is not None:
            number += 1
            await response.write(framed(number, *event))


def framed(number: int, kind: str, data: Json) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


@asynccontextmanager
async def serving(feed: Feed, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The feed on loopback; its address."""
    app = web.Application()
    app.router.add_get("/v1/live", feed.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        feed.hang_up()
        await runner.cleanup()
