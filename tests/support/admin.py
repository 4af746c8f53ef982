"""An admin API on a free port, over a registry that obeys the contract of the real one."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import ClassVar

import aiohttp

from engine.admin.conversations import Offers
from engine.admin.events import EventStream
from engine.admin.fleet import Look
from engine.admin.limits import USUAL, Limits
from engine.admin.live_feed import Live
from engine.admin.server import AdminParts, AdminServer
from engine.errors import RefusedError
from engine.metrics import Metrics
from engine.options import AdminOptions


@dataclass(frozen=True)
class Followed:
    conversation_id: str
    state: str = "listening"
    session_id: ClassVar[str | None] = None  # not in the body


@dataclass
class Registry:
    """Follows conversations in name only."""

    followed: dict[str, Followed] = field(default_factory=dict)
    refusal: RefusedError | None = None
    asked_kept: int = 0

    def add(self, conversation_id: str) -> Followed:
        if self.refusal:
            raise self.refusal
        if conversation_id in self.followed:
            raise RefusedError("duplicate", f"conversation {conversation_id} is followed already")
        self.followed[conversation_id] = Followed(conversation_id)
        return self.followed[conversation_id]

    async def kept(self) -> None:
        self.asked_kept += 1

    async def remove(self, conversation_id: str) -> bool:
        return self.followed.pop(conversation_id, None) is not None

    def list(self) -> list[Followed]:
        return [*self.followed.values()]


@dataclass
class Admin:
    """A running server, a client for it, and what both are made of."""

    server: AdminServer
    http: aiohttp.ClientSession
    registry: Registry
    ready: dict[str, bool]
    metrics: Metrics
    events: EventStream


@contextlib.asynccontextmanager
async def running(
    limits: Limits = USUAL,
    ssl: bool | SSLContext = True,
    live: Live | None = None,
    fleet: Look | None = None,
    offers: Offers | None = None,
    **settings: object,
) -> AsyncIterator[Admin]:
    """`settings` are AdminOptions'; `ssl` is what the client trusts."""
    registry, metrics = Registry(), Metrics()
    ready = {"model_loaded": True, "shards_up": True, "not_draining": True, "capacity_left": True}
    events = EventStream(metrics.event_lost)
    parts = AdminParts(registry, lambda: ready, metrics, events, live, fleet=lambda: fleet, offers=lambda: offers)
    server = AdminServer(AdminOptions(port=0, **settings), parts, limits)
    await server.start()
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with aiohttp.ClientSession(server.url, timeout=timeout, connector=aiohttp.TCPConnector(ssl=ssl)) as http:
            yield Admin(server, http, registry, ready, metrics, events)
    finally:
        await server.stop()
