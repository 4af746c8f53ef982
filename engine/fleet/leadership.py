"""Who follows Genesys' notifications for the whole fleet: one node at a time, by a lock in Redis that it renews.

Each new leader's epoch is greater than all before, and Redis takes offers of the latest only: what a leader that stood still says
once it wakes is "stale". It knows by itself, too: its term ends at the horizon of its last renewal.
"""

import asyncio

import structlog

from engine.errors import FleetError
from engine.fleet.rights import Right, leased
from engine.fleet.store import FleetStore
from engine.fleet.ticks import tick
from engine.fleet_metrics import FleetMetrics

RENEWALS = 3  # in a lease

log = structlog.get_logger(__name__)


class FleetLeadership:
    """`Leadership` of engine.discovery.ports. `run` keeps it until cancelled, then lets another lead."""

    def __init__(self, store: FleetStore, lease_s: float, metrics: FleetMetrics) -> None:
        self._store = store
        self._lease_s = lease_s
        self._metrics = metrics
        self._epoch: int | None = None
        self._term = Right(tick(), 0)
        self._stands = True
        self._won = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def epoch(self) -> int | None:
        """While this node leads."""
        return self._epoch if self._term.holds(tick()) else None

    @property
    def lost(self) -> asyncio.Event:
        """Set while this node does not lead; a new one each time it comes to lead."""
        return self._lost

    async def wait_to_lead(self) -> int:
        """Return the epoch once this node leads."""
        while (epoch := self.epoch) is None:
            await self._won.wait()
            if self.epoch is None:  # its term ran out, and nobody has noticed yet
                self._ended()
        return epoch

    async def run(self) -> None:
        """Lead, or stand by."""
        try:
            while True:
                await self._ask()
                left_s = self._term.until_s - tick().boot_s if self._epoch is not None else self._lease_s
                await asyncio.sleep(max(0.0, min(self._lease_s / RENEWALS, left_s)))
        finally:
            self._ended()

    async def stand_down(self) -> None:
        """Lead no more: another may, at once."""
        self._stands = False
        self._ended()
        try:
            await self._store.resign()
        except FleetError as error:
            log.warning("The fleet could not be told that this node leads no more", fault=str(error))

    async def _ask(self) -> None:
        if not self._stands:
            return
        sent = tick()
        left_s = max(0.0, self._term.until_s - sent.boot_s)
        try:
            # what it does not know by then it is not
            async with asyncio.timeout(None if self._epoch is None else left_s):
                epoch = await self._store.lead(self._lease_s)
        except (FleetError, TimeoutError):
            if not self._term.holds(tick()):
                self._ended()
            return
        if epoch != self._epoch:
            self._ended()
        if epoch is not None and self._stands:
            self._begun(epoch, leased(sent, self._lease_s))

    def _begun(self, epoch: int, term: Right) -> None:
        self._term = term
        if self._epoch is None:
            self._epoch, self._lost = epoch, asyncio.Event()
            self._won.set()
            self._metrics.leads(True)
            log.info("This node leads the fleet", epoch=epoch)

    def _ended(self) -> None:
        if self._epoch is not None:
            log.info("This node leads the fleet no more", epoch=self._epoch)
        self._epoch = None
        self._won.clear()
        self._lost.set()
        self._metrics.leads(False)
