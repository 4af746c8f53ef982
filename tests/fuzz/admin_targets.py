"""Requests to the admin API, through aiohttp's own parser and our handlers, without a socket."""

import asyncio
import logging
from functools import cache

from aiohttp import web

from engine.admin.events import EventStream
from engine.admin.health import LoopTicker
from engine.admin.limits import USUAL
from engine.admin.server import AdminParts, make_app
from engine.metrics import Metrics
from engine.options import AdminOptions
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


TOKEN = "0123456789abcdef"


@cache
def _served(token: str | None) -> tuple[web.Server, Registry, EventStream, Faults]:
    registry, metrics, events, faults = Registry(), Metrics(), EventStream(), Faults()
    parts = AdminParts(registry, lambda: {"model_loaded": True}, metrics, events)
    app = make_app(AdminOptions(token=token), parts, LoopTicker(lambda _: None), USUAL)
    logger = logging.getLogger(f"fuzz.aiohttp.{token}")
    logger.propagate = False
    logger.addHandler(faults)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, logger=logger)
    loop().run_until_complete(runner.setup())
    assert runner.server is not None
    return runner.server, registry, events, faults


def requests(data: bytes) -> None:
    """First byte: the bytes are a whole stream of requests, a body, the end of a path, or a header's value; with a token or not."""
    shape, rest = data[0] % 4 if data else 0, data[1:]
    token = TOKEN if data and data[0] & 4 else None
    head = b"Host: localhost\r\nAuthorization: Bearer %s\r\n" % TOKEN.encode()
    match shape:
        case 1:
            _exchange(
                token, b"POST /v1/conversations HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n" % (head, len(rest)) + rest
            )
        case 2:
            _exchange(token, b"DELETE /v1/conversations/%s HTTP/1.1\r\n%s\r\n" % (rest, head))
        case 3:
            _exchange(token, b"GET /v1/events HTTP/1.1\r\n%sLast-Event-ID: %s\r\n\r\n" % (head, rest))
        case _:
            _exchange(token, rest)


def _exchange(token: str | None, stream: bytes) -> None:
    """No 500 comes of it, nothing is done without the token, and no task, follower or conversation is left."""
    server, registry, events, faults = _served(token)
    faults.last = None
    written = loop().run_until_complete(_answered(server, stream))
    assert token is None or TOKEN.encode() in stream or not registry.followed
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
            b"\0GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\0POST /v1/conversations HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n",
            b"\0PUT /v1/conversations HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
            b"\0HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            b'\1{"conversation_id":"conv-1"}',
            b'\1{"conversation_id":"' + b"a" * 10_000 + b'"}',
            b"\1" + b"[" * 3000,
            b"\1" + b" " * 16_385,
            b"\4GET /v1/conversations HTTP/1.1\r\nHost: [::1]:80\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n",
            b"\0GET /metrics HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nSec-Fetch-Site: cross-site\r\n\r\n",
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
