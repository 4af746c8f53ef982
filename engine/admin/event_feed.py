"""`GET /v1/events`: the event stream as server-sent events.

`id` numbers them, so that a browser that reconnects (`Last-Event-ID`) continues; a comment keeps idle connections open. A
reader that takes nothing for WRITE_TIMEOUT_S is cut off.
"""

import asyncio
from contextlib import closing

from aiohttp import web

from engine.admin.events import Event, EventStream, Follower
from engine.admin.problems import problem, refusal
from engine.errors import RefusedError

KEEP_ALIVE_S = 15.0
WRITE_TIMEOUT_S = 15.0
RETRY_MS = 2000
MOST_DIGITS = 18  # of an event's number

_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventFeed:
    """Sends followers' events as they come. `keep_alive_s` and `write_timeout_s` are shorter in tests."""

    def __init__(self, keep_alive_s: float = KEEP_ALIVE_S, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._keep_alive_s = keep_alive_s
        self._write_timeout_s = write_timeout_s

    async def serve(
        self, request: web.Request, follower: Follower, opening: bytes = b"", *, ends_when_lost: bool = False
    ) -> web.StreamResponse:
        """Answer with what `follower` gets, after `opening`, until it is closed or the reader takes nothing any more.

        `ends_when_lost`: where events build on each other, the stream ends with the word that some are missing.
        """
        with closing(follower):
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            try:
                await self._write(response, b"retry: %d\n\n%b" % (RETRY_MS, opening))
                await self._pump(response, follower, ends_when_lost)
            except (ConnectionError, TimeoutError):
                if request.transport is not None:
                    request.transport.abort()  # what it has not read yet is not waited for
        return response

    async def _pump(self, response: web.StreamResponse, follower: Follower, ends_when_lost: bool) -> None:
        while not follower.closed:
            event = await follower.next(self._keep_alive_s)
            if lost := follower.take_lost():
                await self._write(response, b'event: lost\ndata: {"events":%d}\n\n' % lost)
                if ends_when_lost:
                    return
            if event is not None:
                await self._write(response, frame(event))
            elif not follower.closed:
                await self._write(response, b": keep-alive\n\n")

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(self._write_timeout_s):
            await response.write(data)


class EventsApi:
    """The handler."""

    def __init__(self, events: EventStream, **limits: float) -> None:
        """`limits` are EventFeed's."""
        self._events = events
        self._feed = EventFeed(**limits)

    def add_to(self, app: web.Application) -> None:
        """Add the route; the stream ends when the server does."""
        app.router.add_get("/v1/events", self._follow, allow_head=False)
        app.on_shutdown.append(self._end)

    async def _end(self, _app: web.Application) -> None:
        self._events.close()

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        after = request.headers.get("Last-Event-ID")
        if after is not None and not (after.isascii() and after.isdigit() and len(after) <= MOST_DIGITS):
            return problem(400, "Last-Event-ID is the number of an event", allowed=f"1 to {MOST_DIGITS} digits")
        try:
            follower = self._events.follow(int(after) if after is not None else None)
        except RefusedError as error:
            return refusal(error)
        return await self._feed.serve(request, follower)


def frame(event: Event) -> bytes:
    """An event on the wire."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.number, event.kind.encode(), event.data)
