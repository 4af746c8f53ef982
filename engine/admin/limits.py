"""What one client of the admin API can hold, and for how long.

A connection has to bring its next request's head and its body, and take its answer, each within a time; there is a number
of connections at most, and one more is closed as it comes. So neither silence, nor a drop at a time, nor a thousand
connections take from the calls what they need. The event stream has bounds of its own (`event_feed`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from engine.metrics import AdminRefusal
from engine.tls import LOOK_S


@dataclass(frozen=True, slots=True)
class Limits:
    """Shorter in tests."""

    head_s: float = 30.0  # from the opening, or the last answer, to a request's whole head
    body_s: float = 5.0
    answer_s: float = 10.0
    handshake_s: float = 10.0  # TLS
    connections: int = 128
    look_s: float = LOOK_S  # between two looks at the certificate's files


USUAL = Limits()
LIMITS = web.AppKey("limits", Limits)


async def body_of(request: web.Request) -> bytes:
    """The whole body. HTTPException: 408 where it does not come in time, 413 where it is too large."""
    limit_s = request.app[LIMITS].body_s
    try:
        async with asyncio.timeout(limit_s):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body did not come within {limit_s:g} s") from error


def make_patience(on_refused: Callable[[AdminRefusal], None]) -> Middleware:
    """The middleware that sends plain answers itself, to cut off who does not take them; it stands outermost."""

    @web.middleware
    async def patience(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if isinstance(response, web.Response):
            if response.status == 408:
                on_refused("timeout")
                response.force_close()
            try:
                async with asyncio.timeout(request.app[LIMITS].answer_s):
                    await response.prepare(request)
                    await response.write_eof()
            except TimeoutError:
                on_refused("timeout")
                if request.transport is not None:
                    request.transport.abort()
        return response

    return patience


class Turned(asyncio.Protocol):
    """One connection too many: it is closed as it comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
