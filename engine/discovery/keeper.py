"""Keeps one channel's share of topics followed, for as long as this engine leads.

A channel is made, its socket opened, then its topics are set: from that answer on nothing of them is missed. It is replaced when the
server announces the end of its socket, when it grows old, and when it is lost. In the first two cases the next one is whole before
the first is let go, so that events come by both for a moment; in the last there was a time without, and `on_gap` hears of it.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog

from engine.discovery.channel import ChannelError, ChannelSocket
from engine.discovery.pauses import Pauses
from engine.discovery.platform import NotificationsPlatform
from engine.errors import PlatformError
from engine.genesys.notifications import Heartbeat, Ignored, Notification, SocketClosing, read_notification
from engine.metrics import Metrics
from engine.options import DiscoveryOptions

OPEN_TIMEOUT_S = 10.0
OVERLAP_S = 1.0  # both are heard, for what is under way on the first
LIFE_SHARE = 0.9  # of what the platform grants

log = structlog.get_logger(__name__)


class Channel:
    """A channel that carries its topics. `replace` is set once it should be replaced; `lost`: it is gone already."""

    def __init__(self, channel_id: str, socket: ChannelSocket, life_s: float) -> None:
        self.channel_id = channel_id
        self.socket = socket
        self.life_s = life_s
        self.replace = asyncio.Event()
        self.lost = False


class Keeper:
    """One share. `run` keeps it followed until it is cancelled."""

    def __init__(
        self,
        number: int,
        topics: tuple[str, ...],
        options: DiscoveryOptions,
        platform: NotificationsPlatform,
        place: AbstractAsyncContextManager[object],
        metrics: Metrics,
        *,
        on_event: Callable[[Notification], None],
        on_gap: Callable[[], None],
        pauses: Pauses | None = None,
    ) -> None:
        self._number = number
        self._topics = topics
        self._options = options
        self._platform = platform
        self._place = place  # a second channel at a time takes one of the few that are left
        self._metrics = metrics
        self._on_event = on_event
        self._on_gap = on_gap
        self._pauses = pauses or Pauses()
        self._channel: Channel | None = None

    async def hold(self, topics: tuple[str, ...]) -> None:
        """Other topics from now on, in the same channel; what they missed until now counts as a gap."""
        self._topics = topics
        channel = self._channel
        if channel is None:
            return
        try:
            await self._subscribe(channel)
        except PlatformError as error:
            log.warning("Topics of a notification channel can't be set", channel=self._number, message=str(error))
            channel.replace.set()
        self._on_gap()

    async def run(self) -> None:
        """Follow, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    async with self._place:
                        await self._next(group)
                    assert self._channel is not None
                    await self._channel.replace.wait()
        finally:
            if self._channel is not None:
                await self._channel.socket.close()

    async def _next(self, group: asyncio.TaskGroup) -> None:
        """Open a channel, follow it, and let go of the one before."""
        before, channel = self._channel, await self._opened(group)
        self._channel = channel
        whole = before is not None and not before.lost
        log.info("notification channel is open", channel=self._number, topics=len(self._topics), gap=not whole)
        if before is None or before.lost:
            self._on_gap()
            return
        await asyncio.sleep(OVERLAP_S)
        before.lost = True  # from here on its end is no news
        await before.socket.close()

    async def _opened(self, group: asyncio.TaskGroup) -> Channel:
        """Try until there is one, whose topics are set and whose socket is listened to."""
        while True:
            channel: Channel | None = None
            try:
                channel = await self._open(group)
                await self._subscribe(channel)
                if not channel.lost:
                    self._pauses.forget()
                    return channel
                fault, asked_s = "it was lost at once", None
            except (PlatformError, ChannelError) as error:
                fault, asked_s = str(error), getattr(error, "retry_after_s", None)
            if channel is not None:
                await channel.socket.close()
            pause_s = self._pauses.failed(asked_s)
            log.warning(
                "no notification channel can be had", channel=self._number, message=fault, pause_s=round(pause_s, 1)
            )
            await asyncio.sleep(pause_s)

    async def _open(self, group: asyncio.TaskGroup) -> Channel:
        """Make the channel and listen on its socket. PlatformError, ChannelError."""
        opened = await self._platform.open_channel()
        socket = await ChannelSocket.open(opened.connect_uri, OPEN_TIMEOUT_S, self._options.heartbeat_limit_s)
        granted_s = self._options.renew_after_s if opened.life_s is None else LIFE_SHARE * opened.life_s
        channel = Channel(opened.channel_id, socket, min(granted_s, self._options.renew_after_s))
        group.create_task(self._listen(channel), name=f"notification channel {self._number}")
        return channel

    async def _subscribe(self, channel: Channel) -> None:
        refused = await self._platform.subscribe(channel.channel_id, self._topics)
        if refused:
            log.error(
                "Genesys refuses topics: the OAuth client may not see them",
                channel=self._number,
                count=len(refused),
                first=refused[0],
            )

    async def _listen(self, channel: Channel) -> None:
        """Hand on what comes until the socket is gone."""
        aging = asyncio.get_running_loop().call_later(channel.life_s, channel.replace.set)
        self._metrics.discovery.channel(1)
        try:
            while True:
                self._heed(channel, read_notification(await channel.socket.receive()))
        except ChannelError as error:
            if not channel.lost:
                log.warning("notification channel was lost", channel=self._number, message=str(error))
        finally:
            aging.cancel()
            self._metrics.discovery.channel(-1)
            channel.lost = True
            channel.replace.set()

    def _heed(self, channel: Channel, event: Notification) -> None:
        match event:
            case Heartbeat():
                self._metrics.discovery.event("heartbeat")
            case SocketClosing():
                self._metrics.discovery.event("closing")
                log.info("notification channel is about to be closed by Genesys", channel=self._number)
                channel.replace.set()
            case Ignored():
                self._metrics.discovery.event(event.reason)
            case _:
                self._metrics.discovery.event("call")
                self._on_event(event)
