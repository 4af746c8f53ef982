"""One node of a fleet: what it does all the time, and once on the way.

It reads offers as far as it has room, renews what it follows, claims what others have lost, lets go of what it has no right to any
more (`calls` and `rights` are the law of that), and is done when it follows nothing. Whatever Redis does, no loop ends.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Protocol

import orjson
import structlog

from engine.errors import FleetError, RefusedError
from engine.fleet.calls import QUARANTINE_S, TAKEN_MAX, Call, Calls, held_rows, settlement
from engine.fleet.chores import Chores
from engine.fleet.effects import tick
from engine.fleet.rights import Tick, leased
from engine.fleet.store import FleetStore, Offer
from engine.fleet_metrics import FleetMetrics
from engine.intake.conversation import Conversation, EndReason, Share
from engine.options import FleetOptions

LOOK_S = 0.5  # how often lapsed calls are looked for
BATCH = 16  # offers read at once, at most
PACE_S = 0.05  # a node whose shards are full would wait so long before it reads: the emptier ones are quicker
FENCE_S = 0.1
SILENT_S = 1.5  # who listens for so long without audio has taken a call over, too
HURRY_S = 0.3  # renewals while a handover stands
RETRY_S = 0.25
VIEW_S = 5.0
KNOWN_MAX = 6  # answers in a row that another has what Redis has forgotten of us

log = structlog.get_logger(__name__)


class Host(Protocol):
    """What a node needs of its engine."""

    def room(self) -> int:
        """Calls that fit now."""
        ...

    def load(self) -> float:
        """Share of the shards' limit that is used, 0 to 1 or more."""
        ...

    def status(self) -> dict[str, object]:
        """What is told of this engine to all nodes."""
        ...

    def share(self, conversation_id: str, share: Share) -> Conversation:
        """Follow a call. RefusedError."""
        ...

    def fail(self, key: str, reason: EndReason) -> None:
        """Let go of it."""
        ...


class Node:
    """`running` is entered once; `drain` begins the end."""

    def __init__(self, options: FleetOptions, store: FleetStore, host: Host, metrics: FleetMetrics) -> None:
        self.calls = Calls(options.lease_s)
        self._options = options
        self.store = store
        self._host = host
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self.chores = Chores(3 * options.lease_s)
        self._seen = leased(tick(), options.lease_s)  # for how long Redis' last answer is good
        self._up = True
        self._look_due = 0.0
        self.lag_s = 0.0  # of the last renewal
        self._news = asyncio.Event()  # renew at once
        self.reading = True
        self.draining = False
        self._taking: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether Redis answers, or has answered lately."""
        return self._up or self._seen.holds(tick())

    @property
    def load(self) -> float:
        """Share of the shards' limit that is used."""
        return self._host.load()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All loops run."""
        loops = (self._renew, self._fence, self._view, self.chores.run)
        async with AsyncExitStack() as stack:
            for loop in loops:
                stack.callback(self._loop.create_task(loop(), name=f"fleet {loop.__name__}").cancel)
            self._taking = self._loop.create_task(self._take(), name="fleet take")
            stack.callback(self._taking.cancel)
            yield

    async def read_no_more(self) -> None:
        """No offer is taken any more; return once the last that was asked for is here."""
        self.draining = True
        if self._taking:
            await asyncio.wait({self._taking}, timeout=self._options.lease_s)

    # taking

    async def _take(self) -> None:
        while not self.draining:
            try:
                await self._take_some()
            except FleetError as error:
                self._answered(error)
                await asyncio.sleep(RETRY_S)

    async def _take_some(self) -> None:
        if self._loop.time() >= self._look_due and (room := self._room()) > 0:
            self._look_due = self._loop.time() + min(LOOK_S, self._options.lease_s / 4)
            sent = tick()
            for offer in await self.store.claim_lapsed(min(room, BATCH)):
                self._got(offer, sent, lapsed=True)
        room = self._room()
        if room <= 0:
            await asyncio.sleep(RETRY_S)
            return
        await asyncio.sleep(min(1.0, self._host.load()) * PACE_S)
        sent = tick()
        count = min(BATCH, max(1, room // 4))
        for offer in await self.store.take(count, min(LOOK_S, self._options.lease_s / 4)):
            self._got(offer, sent, lapsed=False)

    def _room(self) -> int:
        """Calls that may be read now; a node that is about to give some away reads none."""
        if self.draining or not self.reading:
            return 0
        most = self._options.max_calls
        followed = self.calls.count("coming", "ours", "offered")
        return min(self._host.room(), most - followed if most is not None else BATCH)

    def _got(self, offer: Offer, sent: Tick, *, lapsed: bool) -> None:
        """An offer is ours: follow it, or say what else is to become of it."""
        if known := self.calls.get(offer.conversation_id):
            self._came_back(known, offer, sent)
        elif offer.taken > TAKEN_MAX:
            log.error("A call was taken by node after node and is kept from all", conversation_id=offer.conversation_id)
            self._owe_settlement(offer.entry, offer.conversation_id, QUARANTINE_S)
        else:
            try:
                self.calls.take(
                    offer, sent, partial(self._host.share, offer.conversation_id, self._share(offer, lapsed))
                )
            except RefusedError as error:
                self._refused(offer, error)
                return
            self._metrics.taken(max(0.0, self.store.clock.moment().boot_s - offer.offered_at_s))
            if lapsed and not offer.holder:
                self._metrics.took_over()

    def _share(self, offer: Offer, lapsed: bool) -> Share:
        return Share(
            past=offer.past,
            resumed=offer.past is not None,
            handed=offer.holder is not None,
            moment=self.store.clock.moment,
            on_audio=partial(self._has_audio, offer, lapsed),
            on_left=partial(self._left, offer.conversation_id),
        )

    def _came_back(self, call: Call, offer: Offer, sent: Tick) -> None:
        """A call that we follow is offered to us: by ourselves, or Redis had forgotten that we do."""
        if offer.holder == self.store.consumer:
            call.adopting = True
            self.chores.owe(partial(self._adopt, call, offer, sent))
        elif call.lost_at and offer.holder is None:
            call.entry, call.right = offer.entry, leased(sent, self._options.lease_s)
            call.becomes("ours", sent)
        elif call.phase == "coming":  # its holder is gone
            self._owe_takeover(call)
        else:
            self.chores.owe(partial(self.store.give_back, [offer.entry]))

    async def _adopt(self, call: Call, offer: Offer, sent: Tick) -> None:
        if await self.store.took_over(offer):
            call.entry, call.right = offer.entry, leased(sent, self._options.lease_s)
            call.becomes("ours", tick())
        call.adopting = False

    def _refused(self, offer: Offer, error: RefusedError) -> None:
        log.warning("A call of the fleet was refused", conversation_id=offer.conversation_id, reason=error.reason)
        if error.reason in ("quarantined", "invalid"):
            self._owe_settlement(
                offer.entry, offer.conversation_id, QUARANTINE_S if error.reason == "quarantined" else None
            )
        else:
            self.chores.owe(partial(self.store.give_back, [offer.entry]))

    def _owe_settlement(self, entry: str, conversation_id: str, quarantine_s: float | None = None) -> None:
        self.chores.owe(partial(self.store.settle, entry, conversation_id, quarantine_s=quarantine_s))

    # following

    def _has_audio(self, offer: Offer, lapsed: bool, gap_s: float) -> None:
        call = self.calls.get(offer.conversation_id)
        if call and call.phase == "coming":
            self._owe_takeover(call)
        elif call and lapsed and offer.past:
            self._metrics.heard_again(gap_s)

    def _owe_takeover(self, call: Call) -> None:
        if not call.asked_over:
            call.asked_over = True
            self.chores.owe(partial(self._take_over, call))

    async def _take_over(self, call: Call) -> None:
        if call.phase != "coming" or self.calls.get(call.conversation_id) is not call:
            return
        if await self.store.took_over(call.offer):
            call.becomes("ours", tick())
            self._metrics.handed("in")
            log.info("A call was handed to this node", conversation_id=call.conversation_id, by=call.offer.holder)
        else:
            self._let_go(call, "handed_over")

    def _let_go(self, call: Call, reason: EndReason) -> None:
        """It leaves, soon; told once, so that its leaving is not disturbed."""
        if not call.leaving:
            call.leaving = True
            self._host.fail(call.conversation_id, reason)

    def _left(self, conversation_id: str, reason: EndReason) -> None:
        """A conversation has left here: its entry is settled, given back, or another's."""
        call = self.calls.live[conversation_id]
        self.calls.left(call)
        if reason == "fenced":
            self._metrics.fenced()
        match settlement(reason, call):
            case "settle":
                self._owe_settlement(call.entry, conversation_id)
            case "quarantine":
                self._owe_settlement(call.entry, conversation_id, QUARANTINE_S)
            case "give_back" if call.phase != "lingering":
                self.chores.owe(partial(self.store.give_back, [call.entry]))
            case _:
                pass

    # renewing

    def hurry(self) -> None:
        """Renew now."""
        self._news.set()

    async def _renew(self) -> None:
        while True:
            wait_s = self._options.lease_s / 3
            try:
                await self._renew_all()
            except FleetError as error:
                self._answered(error)
                wait_s = min(RETRY_S, wait_s)
            if self.calls.count("offered"):
                wait_s = min(HURRY_S, wait_s)
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _renew_all(self) -> None:
        asked, sent = self.calls.held(), tick()
        answer = await self.store.renew(held_rows(asked), self._status())
        self._seen = leased(sent, self._options.lease_s)
        self.lag_s = tick().mono_s - sent.mono_s
        self._answered(None)
        verdict = self.calls.renewed(asked, sent, answer)
        for call in verdict.lost:
            taker = answer.lost[call.entry]
            log.warning("A call has another node already", conversation_id=call.conversation_id, node=taker)
            self._let_go(call, "fenced" if taker and call.phase != "coming" else "handed_over")
        for call in verdict.moved:
            self.calls.linger(call, tick())
            self._metrics.handed("out")
        for call in verdict.missing:
            self.chores.owe(partial(self._offer_again, call, call.lost_at))
        for call in verdict.withdrawn:
            self._let_go(call, "removed")

    async def _offer_again(self, call: Call, lost_at: int) -> None:
        """Redis has forgotten the call: offer it, and follow it until another hears it."""
        if self.calls.get(call.conversation_id) is not call or call.lost_at != lost_at:
            return
        past = call.conversation.note()
        said = await self.store.offer(call.conversation_id, "handover", past=past, holder_entry=call.entry)
        if said == "quarantined":
            self._let_go(call, "quarantined")
        elif said == "known" and call.lost_at > KNOWN_MAX:
            self.calls.linger(call, tick())
        elif said == "offered":
            call.becomes("offered", tick())

    def _status(self) -> bytes:
        state = "draining" if self.draining else "ready" if self._room() > 0 else "full"
        own = {
            "node": self._options.node,
            "calls": len(self.calls),
            "max_calls": self._options.max_calls,
            "state": state,
        }
        return orjson.dumps(own | {"lag_s": round(self.lag_s, 4)} | self._host.status())

    def _answered(self, error: FleetError | None) -> None:
        """Redis has answered, or not; said once."""
        if error and self._up:
            log.error("The fleet's Redis fails: calls are kept until their leases end", fault=str(error))
        elif not error and not self._up:
            log.info("The fleet's Redis answers again")
        self._up = error is None
        self._metrics.redis_up(self._up)

    # time

    async def _fence(self) -> None:
        """Let go of what we have no right to any more; take over what brings no audio."""
        while True:
            now = tick()
            for call, reason in self.calls.over(now):
                if reason == "fenced":
                    log.error("This node lets go of a call: its lease is lost", conversation_id=call.conversation_id)
                self._let_go(call, reason)
            for call in self.calls:
                listening = call.conversation.state in ("listening", "paused")
                if call.phase == "coming" and listening and now.boot_s - call.since_s > SILENT_S:
                    self._owe_takeover(call)
            await asyncio.sleep(min(FENCE_S, max(0.001, self.calls.next_s(tick()))))

    async def _view(self) -> None:
        while True:
            try:
                view = await self.store.view()
                self._metrics.seen(waiting=view.waiting, nodes=len(view.nodes))
            except FleetError as error:
                self._answered(error)
            await asyncio.sleep(VIEW_S)
