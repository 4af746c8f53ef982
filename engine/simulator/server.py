"""The simulator as one object: start, address, what it saw, faults, stop.

`async with Simulator(options) as simulator:` serves HTTP and WebSocket on one port until the block is left; then no
task, socket or port of it remains.
"""

import asyncio
import contextlib
from typing import Any, Self

from aiohttp import web

from engine.errors import ConfigError
from engine.simulator.call import CallReport
from engine.simulator.channels import Channel
from engine.simulator.cloud import Cloud
from engine.simulator.control import ControlApi
from engine.simulator.faults import FaultReport
from engine.simulator.journal import Action, Request
from engine.simulator.login import LoginApi
from engine.simulator.notification_sockets import NotificationSockets
from engine.simulator.options import REALTIME_PATH, FaultOptions, SimulatorOptions
from engine.simulator.platform import PlatformApi
from engine.simulator.realtime import RealtimeApi

SHUTDOWN_S = 1.0


class Simulator:
    """A local Genesys Cloud. Entering raises AudioFileError for bad recordings, ConfigError for faults or a taken port."""

    _cloud: Cloud  # these three from entering on
    _runner: web.AppRunner
    _ticking: asyncio.Task[None]

    def __init__(self, options: SimulatorOptions) -> None:
        self.options = options
        self._port = options.port

    async def __aenter__(self) -> Self:
        self._cloud = Cloud(self.options)
        app = web.Application()
        for part in (LoginApi, RealtimeApi, NotificationSockets, ControlApi, PlatformApi):
            part(self._cloud).add_to(app)
        app.on_shutdown.append(self._let_go)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.options.host, self.options.port).start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self.options.host}:{self.options.port}"
            raise ConfigError([f"simulator address {where}: can't listen there ({error.strerror or error})"]) from error
        self._port = self._runner.addresses[0][1]
        self._cloud.open()
        self._ticking = asyncio.create_task(self._cloud.ticker.run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every socket and the port; a second time changes nothing."""
        self._ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._ticking
        await self._runner.cleanup()

    async def _let_go(self, _app: web.Application) -> None:
        self._cloud.closing.set()

    @property
    def url(self) -> str:
        """Address of login, platform API and control."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"http://{host}:{self._port}"

    @property
    def realtime_url(self) -> str:
        """Address of the real-time socket."""
        return "ws" + self.url.removeprefix("http") + REALTIME_PATH

    def environment(self) -> dict[str, str]:
        """The variables with which `cueline run` follows every call of this simulator."""
        return {
            "GENESYS_CLIENT_ID": self.options.client_id,
            "GENESYS_CLIENT_SECRET": self.options.client_secret,
            "GENESYS_LOGIN_URL": self.url,
            "GENESYS_API_URL": self.url,
            "GENESYS_REALTIME_URL": self.realtime_url,
            **self._whom(),
        }

    def _whom(self) -> dict[str, str]:
        """By notifications where calls come by queues, else one by one."""
        if self.options.queues:
            return {"CUELINE_FOLLOW_QUEUES": ",".join(self.options.queues)}
        return {"GENESYS_CONVERSATION_ID": ",".join(self._cloud.calls)}

    def place_call(self, queue_id: str | None = None) -> str:
        """Let one more call come; return its id. ConfigError without a repertoire."""
        return self._cloud.place(queue_id).options.conversation_id

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Notification channels that live."""
        return self._cloud.channels.all

    def arm(self, name: str, **settings: Any) -> None:
        """Arm a fault of `FAULTS`; settings as in `FaultOptions`. ConfigError when there is no such fault."""
        self._cloud.arm(FaultOptions(name=name, **settings))

    async def end_call(self, conversation_id: str) -> None:
        """Let the conversation end now, as if somebody had hung up; KeyError when there is none."""
        await self._cloud.calls[conversation_id].end("disconnected")

    @property
    def calls(self) -> tuple[CallReport, ...]:
        """Every call as it stands."""
        return tuple(call.report() for call in self._cloud.calls.values())

    @property
    def requests(self) -> tuple[Request, ...]:
        """Login, platform and socket-opening requests in order of arrival."""
        return tuple(self._cloud.journal.requests)

    @property
    def actions(self) -> tuple[Action, ...]:
        """Transfers, hang-ups and attributes that were carried out."""
        return tuple(self._cloud.journal.actions)

    @property
    def faults(self) -> tuple[FaultReport, ...]:
        """Armed faults and how often they struck."""
        return self._cloud.faults.report()
