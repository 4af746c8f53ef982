"""Live calls that no event has told of, by asking the platform: after each time in which notifications may have been missed.

The analytics service that answers is behind by seconds, so each query is followed by another a while later. Requests are rationed,
because checks and actions share their limit with them. Few queues and users are named in the query; of many, all live calls are
asked for and chosen here, which costs fewer requests.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import structlog

from engine.discovery.pauses import Pauses
from engine.discovery.platform import NotificationsPlatform
from engine.errors import PlatformError
from engine.genesys.notification_messages import LiveCall
from engine.intake.retry_budget import TokenBucket
from engine.metrics import Metrics
from engine.options import DiscoveryOptions

NAMED = 100  # queues and users that are named in one query
NAMED_QUERIES = 5  # with more queries than that, all calls are asked for
MOST_PAGES = 1000  # 100,000 calls, as many as the service pages through
AT_ONCE = 10.0  # requests

log = structlog.get_logger(__name__)


class CatchingUp:
    """Queries when asked to. `run` works until it is cancelled; `queues` gives the queues that are followed now."""

    def __init__(
        self,
        options: DiscoveryOptions,
        platform: NotificationsPlatform,
        metrics: Metrics,
        queues: Callable[[], tuple[str, ...]],
        on_found: Callable[[Iterable[str]], None],
    ) -> None:
        self._options = options
        self._platform = platform
        self._metrics = metrics
        self._queues = queues
        self._on_found = on_found
        self._asked = asyncio.Event()
        self._budget = TokenBucket(options.requests_per_minute / 60, AT_ONCE)

    def ask(self) -> None:
        """Something may have been missed until now."""
        self._asked.set()

    async def turn(self) -> None:
        """Wait until a request is within the budget."""
        await asyncio.sleep(self._budget.turn_s(time.monotonic()))

    async def run(self) -> None:
        """Query when asked to, and once more each time."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._until_done()
            try:
                async with asyncio.timeout(self._options.query_again_s):
                    await self._asked.wait()
            except TimeoutError:
                await self._until_done()

    async def _until_done(self) -> None:
        pauses = Pauses()
        while True:
            try:
                await self._query()
            except PlatformError as error:
                self._metrics.discovery.queried("failed")
                pause_s = pauses.failed(error.retry_after_s)
                log.warning("live calls can't be queried", message=str(error), pause_s=round(pause_s, 1))
                await asyncio.sleep(pause_s)
            else:
                self._metrics.discovery.queried("done")
                return

    async def _query(self) -> None:
        queues, users = self._queues(), self._options.users
        if self._options.all_queues or len(queues) + len(users) > NAMED * NAMED_QUERIES:
            wanted = frozenset((*queues, *users))
            await self._pages((), (), lambda call: not wanted.isdisjoint((*call.queues, *call.users)))
            return
        named = [*(("queue", each) for each in queues), *(("user", each) for each in users)]
        for begin in range(0, len(named), NAMED):
            part = named[begin : begin + NAMED]
            some_queues = tuple(name for kind, name in part if kind == "queue")
            some_users = tuple(name for kind, name in part if kind == "user")
            await self._pages(some_queues, some_users, lambda _: True)

    async def _pages(self, queues: tuple[str, ...], users: tuple[str, ...], wanted: Callable[[LiveCall], bool]) -> None:
        now = datetime.now(UTC)
        since, until = _iso(now - timedelta(seconds=self._options.lookback_s)), _iso(now + timedelta(minutes=5))
        for page in range(1, MOST_PAGES + 1):
            await self.turn()
            found = await self._platform.live_calls(since, until, page, queues, users)
            self._on_found(call.conversation_id for call in found.calls if wanted(call))
            if not found.more:
                return


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
