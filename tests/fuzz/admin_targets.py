"""Requests to the admin API, through aiohttp's own parser and our handlers, without a socket."""

import asyncio
import logging
from functools import cache

from aiohttp import web

from engine.admin.events import EventStream
from engine.admin.health import LoopTicker
from engine.admin.server import AdminParts, make_app
from engine.metrics import Metrics
from tests.fuzz.realtime_targets import Wire, loop
from tests.fuzz.target import Target
from tests.support.admin import Registry

MOST_STEPS = 40  # of the loop: an answer needs a handful


class Faults(logging.Handler):
    """Keeps what aiohttp logs of a handler that broke."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.last = record.exc_info[1]


@cache
def _served() -> tuple[web.Server, Registry, EventStream, Faults]:
    registry, metrics, events, faults = Registry(), Metrics(), EventStream(), Faults()
    app = make_app(AdminParts(registry, lambda: {"model_loaded": True}, metrics, events), LoopTicker(lambda _: None))
    logger = logging.getLogger("aiohttp.server")
    logger.propagate = False
    logger.addHandler(faults)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    loop().run_until_complete(runner.setup())
    assert runner.server is not None
    return runner.server, registry, events, faults


def requests(data: bytes) -> None:
    """First byte: the bytes are a whole stream of requests, a body, the end of a path, or a header's value."""
    shape, rest = data[0] % 4 if data else 0, data[1:]
    match shape:
        case 1:
            head = b"POST /v1/conversations HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(rest)
            _exchange(head + rest)
        case 2:
            _exchange(b"DELETE /v1/conversations/%s HTTP/1.1\r\nHost: a\r\n\r\n" % rest)
        case 3:
            _exchange(b"GET /v1/events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: %s\r\n\r\n" % rest)
        case _:
            _exchange(rest)


def _exchange(stream: bytes) -> None:
    """No 500 comes of it, and no task, follower or conversation is left."""
    server, registry, events, faults = _served()
    faults.last = None
    written = loop().run_until_complete(_answered(server, stream))
    registry.followed.clear()
    if b"HTTP/1.1 500" in written:
        raise AssertionError("answered with 500") from faults.last
    assert len(written) <= 100_000 + 4 * len(stream)
    assert not events._followers
    assert not asyncio.all_tasks(loop())


async def _answered(server: web.Server, stream: bytes) -> bytes:
    wire, protocol = Wire(), server()
    protocol.connection_made(wire)
    task = protocol._task_handler
    await asyncio.sleep(0)
    protocol.data_received(stream)
    for _ in range(MOST_STEPS):
        await asyncio.sleep(0)
        if wire.closing or (protocol._waiter is not None and not protocol._messages):
            break
    protocol.connection_lost(None)
    assert task is not None
    await asyncio.wait([task], timeout=5)
    return wire.written


TARGETS = (
    Target(
        *("admin", "requests to the admin API: streams, bodies, paths, Last-Event-ID", requests, ()),
        seeds=(
            b"\0GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\0POST /v1/conversations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n",
            b"\0PUT /v1/conversations HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            b"\0HEAD /v1/events HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b'\1{"conversation_id":"conv-1"}',
            b'\1{"conversation_id":"' + b"a" * 10_000 + b'"}',
            b"\1" + b"[" * 3000,
            b"\1" + b" " * 16_385,
            b"\2conv-1",
            b"\2%00%2e%2e/..;a?b#c",
            b"\0031",
            b"\3" + b"9" * 5000,
        ),
        words=(
            b"\r\n",
            b"\r\n\r\n",
            b" HTTP/1.1",
            b"Content-Length: ",
            b'"conversation_id":',
            b"%25",
            b"/v1/",
            b"/../",
        ),
        most_bytes=20_000,
    ),
)
