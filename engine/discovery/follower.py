"""Follows Genesys' notifications for as long as this engine leads: calls of the named queues and users are offered as they begin.

Leading means: as many channels as the topics need, a book of what they tell, offers and withdrawals by it, and queries for what was
missed, first of all what was live before. Leadership that is lost ends all of it at once; the next leader begins with a query of its
own, so nothing is handed from one to the other. Nothing of the platform's ends the follower: it tries again, for ever.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

import structlog

from engine.discovery.catching_up import CatchingUp
from engine.discovery.handing import Handing
from engine.discovery.keeper import Keeper
from engine.discovery.pauses import Pauses
from engine.discovery.platform import NotificationsPlatform
from engine.discovery.ports import Leadership, Offers
from engine.errors import PlatformError
from engine.genesys.call_book import CallBook
from engine.genesys.notifications import CallSeen, Notification
from engine.genesys.topics import CHANNELS, Shares, topics_of
from engine.metrics import Metrics
from engine.options import DiscoveryOptions

MOST_PAGES = 100  # of queues
END_TICK_S = 0.25
AFTER_DEFECT_S = 5.0

log = structlog.get_logger(__name__)


class Follower:
    """`run` follows until it is cancelled."""

    def __init__(
        self,
        options: DiscoveryOptions,
        platform: NotificationsPlatform,
        offers: Offers,
        leadership: Leadership,
        metrics: Metrics,
    ) -> None:
        self._options = options
        self._platform = platform
        self._offers = offers
        self._leadership = leadership
        self._metrics = metrics

    async def run(self) -> None:
        """Lead whenever it is this engine's turn."""
        while True:
            epoch = await self._leadership.wait_to_lead()
            lost = self._leadership.lost
            log.info("notifications are followed by this engine", epoch=epoch)
            async with _until(lost):
                await self._lead()
            log.info("notifications are followed by another engine")

    async def _lead(self) -> None:
        """One term after the other, should one fail."""
        while True:
            try:
                await Leading(self._options, self._platform, self._offers, self._metrics).run()
            except Exception as error:
                log.exception("following the notifications failed unexpectedly", exc_info=error)
                await asyncio.sleep(AFTER_DEFECT_S)


class Leading:
    """One term of leadership."""

    def __init__(
        self, options: DiscoveryOptions, platform: NotificationsPlatform, offers: Offers, metrics: Metrics
    ) -> None:
        self._options = options
        self._platform = platform
        self._metrics = metrics
        self._book = CallBook()
        self._handing = Handing(offers)
        self._queues = options.queues
        self._shares = Shares()
        self._keepers: list[Keeper] = []
        self._catching_up = CatchingUp(options, platform, metrics, lambda: self._queues, self._found)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._handing.run())
                group.create_task(self._catching_up.run())
                group.create_task(self._end_calls())
                if not self._options.all_queues:
                    await self._hold(group)
                while self._options.all_queues:
                    self._queues = await self._listed()
                    await self._hold(group)
                    await asyncio.sleep(self._options.list_queues_every_s)
        finally:
            self._metrics.discovery.wanted(0)
            self._metrics.discovery.live(0)

    async def _hold(self, group: asyncio.TaskGroup) -> None:
        """Follow the queues that there are now, and the users."""
        changed = self._shares.hold(topics_of(self._queues, self._options.users))
        shares = self._shares.all
        if self._shares.left_over:
            log.error("There are more queues and users than notifications carry", not_followed=self._shares.left_over)
        self._metrics.discovery.wanted(len(shares))
        places = asyncio.Semaphore(CHANNELS - len(shares)) if len(shares) > CHANNELS // 2 else None
        for number in sorted(changed):
            if number < len(self._keepers):
                await self._keepers[number].hold(shares[number])
                continue
            place = places or contextlib.nullcontext()
            keeper = Keeper(
                number,
                shares[number],
                self._options,
                self._platform,
                place,
                self._metrics,
                on_event=self._event,
                on_gap=self._catching_up.ask,
            )
            self._keepers.append(keeper)
            group.create_task(keeper.run(), name=f"notifications {number}")

    async def _listed(self) -> tuple[str, ...]:
        """All queues; those known so far where the platform does not tell, once there are some."""
        pauses = Pauses()
        while True:
            try:
                return await self._pages()
            except PlatformError as error:
                pause_s = pauses.failed(error.retry_after_s)
                log.warning("queues can't be listed", message=str(error), pause_s=round(pause_s, 1))
                if self._queues:
                    return self._queues
                await asyncio.sleep(pause_s)

    async def _pages(self) -> tuple[str, ...]:
        queues: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            await self._catching_up.turn()
            listed = await self._platform.queues(page)
            queues += listed.queues
            if not listed.more:
                break
        return tuple(dict.fromkeys(queues))

    def _event(self, event: Notification) -> None:
        if isinstance(event, CallSeen) and (live := self._book.seen(event, self._loop.time())):
            self._begun(live.conversation_id)

    def _found(self, conversation_ids: Iterable[str]) -> None:
        found = self._book.listed(conversation_ids)
        self._metrics.discovery.found(len(found))
        for live in found:
            self._begun(live.conversation_id)

    def _begun(self, conversation_id: str) -> None:
        self._handing.live(conversation_id)

    async def _end_calls(self) -> None:
        """Withdraw calls whose end has stood for its grace."""
        while True:
            await asyncio.sleep(END_TICK_S)
            for ended in self._book.due(self._loop.time()):
                self._handing.ended(ended.conversation_id)
            self._metrics.discovery.live(self._book.live)


@contextlib.asynccontextmanager
async def _until(lost: asyncio.Event) -> AsyncIterator[None]:
    """Cancel the block, and only it, when `lost` is set."""
    block = asyncio.current_task()
    assert block is not None
    ended = False

    async def watch() -> None:
        nonlocal ended
        await lost.wait()
        ended = True
        block.cancel()

    watching = asyncio.get_running_loop().create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not ended or block.uncancel() > 0:
            raise
    finally:
        watching.cancel()
