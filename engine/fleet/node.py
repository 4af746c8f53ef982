"""One node of a fleet: its loops, and what hangs on time.

It reads offers as far as it has room (`taking`), renews what it follows (`renewing`), lets go of what it has no right to any more
(`calls` and `rights` are the law of that), and is done when it follows nothing. Whatever Redis does, no loop ends.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from engine.errors import FleetError
from engine.fleet.following import Following, Host
from engine.fleet.renewing import Renewing
from engine.fleet.store import FleetStore
from engine.fleet.taking import Taking
from engine.fleet.ticks import tick
from engine.fleet_metrics import FleetMetrics
from engine.options import FleetOptions

FENCE_S = 0.5  # or at the next horizon, where that is sooner
SILENT_S = 1.5  # who listens for so long without audio has taken a call over, too
VIEW_S = 5.0
ANEW_S = 1.0  # after a defect

log = structlog.get_logger(__name__)


class Node:
    """`running` is entered once; `read_no_more` begins the end."""

    def __init__(self, options: FleetOptions, store: FleetStore, host: Host, metrics: FleetMetrics) -> None:
        self.following = Following(options, store, host, metrics)
        self.taking = Taking(self.following)
        self.renewing = Renewing(self.following, lambda: self.state)
        self.calls, self.chores, self.store = self.following.calls, self.following.chores, store
        self._options = options
        self._host = host
        self._metrics = metrics
        self._reader: asyncio.Task[None] | None = None
        self._renewer: asyncio.Task[None] | None = None

    @property
    def load(self) -> float:
        """Share of the shards' limit that is used."""
        return self._host.load()

    @property
    def state(self) -> str:
        """One word for people: "fenced" is a node whose leases have ended because it can't reach Redis."""
        if self.taking.over:
            return "draining"
        if not self.following.ready:
            return "fenced"
        return "ready" if self.taking.room() > 0 else "full"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All loops run."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            loops = (self.taking.run, self.renewing.run, self._fence, self._view, self.chores.run)
            tasks = [loop.create_task(_kept_up(run), name=f"fleet {run.__qualname__}") for run in loops]
            for task in tasks:
                stack.callback(task.cancel)
            self._reader, self._renewer, *_ = tasks
            yield

    async def read_no_more(self) -> None:
        """No offer is taken any more; return once the last that was asked for is here."""
        self.taking.over = True
        if self._reader:
            await asyncio.wait({self._reader}, timeout=self._options.lease_s)

    async def leave(self) -> None:
        """Be seen no more; it follows nothing. What would be renewed after that would be seen again. FleetError."""
        self.renewing.over = True
        self.renewing.hurry()
        if self._renewer:
            await asyncio.wait({self._renewer}, timeout=self._options.lease_s)
        await self.store.leave()

    async def _fence(self) -> None:
        """Let go of what we have no right to any more; take over what brings no audio."""
        while True:
            now = tick()
            for call, reason in self.calls.over(now):
                if reason == "fenced":
                    log.error("This node lets go of a call: its lease is lost", conversation_id=call.conversation_id)
                self.following.let_go(call, reason)
            for call in self.calls:
                listening = call.conversation.state in ("listening", "paused")
                if call.phase == "coming" and listening and now.boot_s - call.since_s > SILENT_S:
                    self.following.owe_takeover(call)
            await asyncio.sleep(min(FENCE_S, max(0.001, self.calls.next_s(tick()))))

    async def _view(self) -> None:
        while True:
            try:
                view = await self.store.view()
                self._metrics.seen(waiting=view.waiting, nodes=len(view.nodes))
            except FleetError as error:
                self.following.answered(error)
            await asyncio.sleep(VIEW_S)


async def _kept_up(run: Callable[[], Awaitable[None]]) -> None:
    """A loop of a node; a defect in one turn of it must not end the calls that hang on it."""
    while True:
        try:
            await run()
        except Exception:  # named border: one turn of a loop
            log.exception("A loop of the fleet's node has failed and begins anew", loop=run.__qualname__)
            await asyncio.sleep(ANEW_S)
        else:
            return
