"""How calls come to this node: offers are read as far as there is room, and what other nodes have lost is claimed.

Who reads an offer has its call. So nothing is read that would not fit, and what does not fit after all is given back at once.
"""

import asyncio
from functools import partial

import structlog

from engine.errors import FleetError, RefusedError
from engine.fleet.calls import QUARANTINE_S, TAKEN_MAX, Call
from engine.fleet.following import Following
from engine.fleet.rights import Tick
from engine.fleet.store import Offer
from engine.fleet.ticks import tick

LOOK_S = 0.5  # how often lapsed calls are looked for
BATCH = 16  # offers read at once, at most
PACE_S = 0.05  # a node whose shards are full would wait so long before it reads: the emptier ones are quicker
RETRY_S = 0.25
REFUSED_S = 2.0  # a node that had less room than it thought reads nothing for so long

log = structlog.get_logger(__name__)


class Taking:
    """One loop. `reading` is False while this node would rather give calls away; `over` once it takes none for good."""

    def __init__(self, following: Following) -> None:
        self.reading = True
        self.over = False
        self._following = following
        self._store = following.store
        self._options = following.options
        self._loop = asyncio.get_running_loop()
        self._wait_s = min(LOOK_S, self._options.lease_s / 4)
        self._look_due = 0.0
        self._refused_until = 0.0  # loop time

    async def run(self) -> None:
        """Until `over`."""
        while not self.over:
            try:
                await self._take_some()
            except FleetError as error:
                self._following.answered(error)
                await asyncio.sleep(RETRY_S)

    async def _take_some(self) -> None:
        if self._loop.time() >= self._look_due and (room := self.room()) > 0:
            self._look_due = self._loop.time() + self._wait_s
            sent = tick()
            for offer in await self._store.claim_lapsed(min(room, BATCH)):
                self._got(offer, sent, lapsed=True)
        room = self.room()
        if room <= 0:
            await asyncio.sleep(RETRY_S)
            return
        await asyncio.sleep(min(1.0, self._following.host.load()) * PACE_S)
        sent = tick()
        count = min(BATCH, max(1, room // 4))
        for offer in await self._store.take(count, self._wait_s):
            self._got(offer, sent, lapsed=False)

    def room(self) -> int:
        """Calls that may be read now; a node that is about to give some away reads none."""
        if self.over or not self.reading or self._loop.time() < self._refused_until:
            return 0
        room = self._following.room()
        return room if self._options.max_calls is not None else min(room, BATCH)

    def _got(self, offer: Offer, sent: Tick, *, lapsed: bool) -> None:
        """An offer is ours: follow it, or say what else is to become of it."""
        if known := self._following.calls.get(offer.conversation_id):
            self._came_back(known, offer, sent)
        elif offer.taken > TAKEN_MAX:
            log.error("A call was taken by node after node and is kept from all", conversation_id=offer.conversation_id)
            self._following.owe_settlement(offer.entry, offer.conversation_id, QUARANTINE_S)
        else:
            try:
                self._following.begin(offer, sent, lapsed=lapsed)
            except RefusedError as error:
                self._refused(offer, error)

    def _came_back(self, call: Call, offer: Offer, sent: Tick) -> None:
        """A call that we follow is offered to us: by ourselves, or Redis had forgotten that we do, or who had it is gone."""
        if call.leaving or offer.holder not in (None, self._store.consumer):
            self._following.chores.owe(partial(self._store.give_back, [offer.entry], untried=True))
        elif call.phase == "coming" and not call.lost_at:
            self._following.owe_takeover(call)
        else:
            call.adopting = True
            self._following.chores.owe(partial(self._adopt, call, offer, sent))

    async def _adopt(self, call: Call, offer: Offer, sent: Tick) -> None:
        taken_over = await self._store.took_over(offer)
        call.adopting = False
        if not taken_over:
            return
        if call.leaving or self._following.calls.get(call.conversation_id) is not call:  # meanwhile
            await self._store.give_back([offer.entry], untried=True)
        else:
            call.entry, call.right = offer.entry, self._following.right(sent)
            call.becomes("ours", tick())

    def _refused(self, offer: Offer, error: RefusedError) -> None:
        log.warning("A call of the fleet was refused", conversation_id=offer.conversation_id, reason=error.reason)
        if error.reason in ("quarantined", "invalid"):
            self._following.owe_settlement(
                offer.entry, offer.conversation_id, QUARANTINE_S if error.reason == "quarantined" else None
            )
        else:  # for want of something here: that says nothing of the call
            self._refused_until = self._loop.time() + REFUSED_S
            self._following.chores.owe(partial(self._store.give_back, [offer.entry], untried=True))
