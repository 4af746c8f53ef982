"""`GET /v1/live` and `/v1/conversations/{key}/timeline`: the live view, for the console, `cueline top` and whoever else (docs/live.md).

A reader gets the whole state first, then what changes. So nobody has anything to catch up with: who was cut off, or too slow
and told so, connects again and begins anew.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from aiohttp import web

from engine.admin.conversations import unknown
from engine.admin.event_feed import EventFeed, frame
from engine.admin.events import Event, EventStream
from engine.admin.problems import json_response, refusal
from engine.errors import RefusedError


class View(Protocol):
    """What there is to see."""

    def state(self) -> dict[str, Any]:
        """All of it, now."""
        ...

    def timeline(self, key: str) -> dict[str, Any] | None:
        """One call's; None where it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Live:
    """The view, and the stream of what changes in it."""

    view: View
    events: EventStream  # keeps none


class LiveApi:
    """The handlers."""

    def __init__(self, live: Live, **limits: float) -> None:
        """`limits` are EventFeed's."""
        self._live = live
        self._feed = EventFeed(**limits)

    def add_to(self, app: web.Application) -> None:
        """Add the routes; the stream ends when the server does."""
        app.router.add_get("/v1/live", self._follow, allow_head=False)
        app.router.add_get("/v1/conversations/{key}/timeline", self._timeline)
        app.on_shutdown.append(self._end)

    async def _end(self, _app: web.Application) -> None:
        self._live.events.close()

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        events = self._live.events
        try:
            follower = events.follow()
        except RefusedError as error:
            return refusal(error)
        state = Event(events.number, "state", orjson.dumps(self._live.view.state()))  # in one step with `follow`
        return await self._feed.serve(request, follower, frame(state), ends_when_lost=True)

    async def _timeline(self, request: web.Request) -> web.Response:
        timeline = self._live.view.timeline(request.match_info["key"])
        return unknown() if timeline is None else json_response(timeline)
