"""The admin API as one object: what it serves, start, address, stop.

On the loopback address unless told otherwise, and then with a token (`AdminOptions` sees to that). `guard` says who may use
it, `limits` how much of it, `tls` has the certificate.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import web

from engine import addresses
from engine.admin.console import ConsoleApi
from engine.admin.conversations import Conversations, ConversationsApi, Offers
from engine.admin.event_feed import EventsApi
from engine.admin.events import EventStream
from engine.admin.fleet import FleetApi, Look
from engine.admin.guard import make_guard
from engine.admin.health import HealthApi, LoopTicker, Readiness
from engine.admin.limits import LIMITS, USUAL, Limits, Turned, make_patience
from engine.admin.live_feed import Live, LiveApi
from engine.admin.problems import MAX_BODY_BYTES, problems
from engine.admin.tls import certificate_watch
from engine.errors import ConfigError
from engine.metrics import Metrics
from engine.options import AdminOptions

ADDRESS = ("CUELINE_ADMIN_HOST", "CUELINE_ADMIN_PORT")
SHUTDOWN_S = 1.0  # for answers under way

log = structlog.get_logger(__name__)

INDEX = """Cueline, admin API

GET    /                         in a browser: the live console; else this text
GET    /metrics                  Prometheus
GET    /healthz                  200 while the event loop is alive
GET    /readyz                   200 while conversations can be taken; else 503, each condition in the body
GET    /v1/conversations         followed now, and those that left lately
POST   /v1/conversations         {"conversation_id": "…"}: follow one more
GET    /v1/conversations/{id}    one of them
DELETE /v1/conversations/{id}    follow it no more
GET    /v1/conversations/{id}/timeline   when it was spoken on, its phrases, its gaps
GET    /v1/events                what happens, as server-sent events
GET    /v1/live                  the whole state, then what changes, as server-sent events (docs/live.md)
GET    /v1/fleet                 all nodes of the fleet, where this is one (docs/fleet.md)

Where a token is set, all but /, /healthz and /readyz need the header Authorization: Bearer TOKEN.
"""


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the API shows and steers."""

    conversations: Conversations
    readiness: Readiness
    metrics: Metrics
    events: EventStream
    live: Live | None = None
    offers: Callable[[], Offers | None] = lambda: None  # where new conversations go in a fleet
    fleet: Callable[[], Look | None] = lambda: None  # known once it has begun


def make_app(options: AdminOptions, parts: AdminParts, ticker: LoopTicker, limits: Limits) -> web.Application:
    """All routes of the API, behind the guard."""
    refused = parts.metrics.admin_refused
    middlewares = [make_patience(refused), problems, make_guard(options, refused)]
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY_BYTES)
    app[LIMITS] = limits
    ConsoleApi(INDEX).add_to(app)
    HealthApi(ticker, parts.readiness, parts.metrics).add_to(app)
    ConversationsApi(parts.conversations, parts.metrics.conversation_refused, parts.offers).add_to(app)
    EventsApi(parts.events).add_to(app)
    if parts.live is not None:
        LiveApi(parts.live).add_to(app)
    FleetApi(parts.fleet).add_to(app)
    return app


class AdminServer:
    """Serves the API from `start` to `stop`; after that no task, socket or port of it remains."""

    def __init__(self, options: AdminOptions, parts: AdminParts, limits: Limits = USUAL) -> None:
        """ConfigError where the certificate or its key can't be used."""
        self._options = options
        self._limits = limits
        self._tls = certificate_watch(options)
        self._on_refused = parts.metrics.admin_refused
        self._ticker = LoopTicker(parts.metrics.loop_lag)
        app = make_app(options, parts, self._ticker, limits)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=limits.head_s, lingering_time=1.0
        )
        self._listener: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen. ConfigError where the address can't be had."""
        await self._runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._connected,
                self._options.host,
                self._options.port,
                ssl=self._tls.context if self._tls else None,
                ssl_handshake_timeout=self._limits.handshake_s if self._tls else None,
            )
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError([address_fault(self._options, error)]) from error
        if not self._options.on_loopback and self._tls is None:
            log.warning(
                "The admin API's token crosses the network in clear: set a certificate", host=self._options.host
            )
        self._tasks.append(asyncio.create_task(self._ticker.run(), name="admin ticker"))
        if self._tls is not None:
            self._tasks.append(asyncio.create_task(self._tls.run(self._limits.look_s), name="admin certificate"))

    def _connected(self) -> asyncio.Protocol:
        """The protocol of a new connection, within the limit of their number."""
        server = self._runner.server
        if server is None or len(server.connections) >= self._limits.connections:
            self._on_refused("connections")
            return Turned()
        return server()

    @property
    def listening(self) -> bool:
        """Whether it takes requests."""
        return self._listener is not None and self._listener.is_serving()

    @property
    def port(self) -> int:
        """The port it listens on, also where port 0 was asked for."""
        assert self._listener is not None
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Address to tell people."""
        return f"{'https' if self._tls else 'http'}://{addresses.host_and_port(self._options.host, self.port)}"

    async def stop(self) -> None:
        """End event streams, let answers under way end, close. May be called again."""
        while self._tasks:
            task = self._tasks.pop()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()


def address_fault(options: AdminOptions, error: OSError) -> str:
    """The line for an address that can't be had."""
    return addresses.address_fault(ADDRESS, options.host, options.port, error)
