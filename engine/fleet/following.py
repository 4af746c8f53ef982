"""The calls that this node follows: how each begins, is let go, and what Redis is told of its end."""

from functools import partial
from typing import Protocol

import structlog

from engine.errors import FleetError
from engine.fleet.calls import QUARANTINE_S, Call, Calls, settlement
from engine.fleet.chores import Chores
from engine.fleet.rights import Right, Tick, leased
from engine.fleet.store import FleetStore, Offer
from engine.fleet.ticks import tick
from engine.fleet_metrics import FleetMetrics
from engine.intake.conversation import Conversation, EndReason, Share
from engine.options import FleetOptions

CALL_KEPT_S = 3600.0  # a call may live for so long

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


class Following:
    """What the parts of a node share. One loop; nothing here waits for Redis but the chores."""

    def __init__(self, options: FleetOptions, store: FleetStore, host: Host, metrics: FleetMetrics) -> None:
        self.options = options
        self.store = store
        self.host = host
        self.metrics = metrics
        self.calls = Calls(options.lease_s)
        self.chores = Chores(3 * options.lease_s)
        self._seen = self.right(tick())  # for how long Redis' last answer is good
        self._up = True

    @property
    def ready(self) -> bool:
        """Whether Redis answers, or has answered lately."""
        return self._up or self._seen.holds(tick())

    def room(self) -> int:
        """Calls that fit now, by the shards and by the node's own limit."""
        room = self.host.room()
        if self.options.max_calls is not None:
            room = min(room, self.options.max_calls - self.calls.count("coming", "ours", "offered"))
        return max(0, room)

    def right(self, sent: Tick) -> Right:
        """What an answer to a question sent then gives."""
        return leased(sent, self.options.lease_s)

    def renewed(self, sent: Tick) -> None:
        """Redis has answered a renewal sent then."""
        self._seen = self.right(sent)
        self.answered(None)

    def answered(self, error: FleetError | None) -> None:
        """Redis has answered, or not; said once."""
        if error and self._up:
            log.error("The fleet's Redis fails: calls are kept until their leases end", fault=str(error))
        elif not error and not self._up:
            log.info("The fleet's Redis answers again")
        self._up = error is None
        self.metrics.redis_up(self._up)

    def begin(self, offer: Offer, sent: Tick, *, lapsed: bool) -> None:
        """Follow a call. RefusedError."""
        share = self._share(offer, lapsed)
        self.calls.take(offer, sent, lambda: self.host.share(offer.conversation_id, share))
        if not lapsed and offer.holder is None:  # others have waited for another reason, or not at all
            self.metrics.waited(max(0.0, self.store.clock.moment().boot_s - offer.offered_at_s))
        self.metrics.taken()
        if lapsed and not offer.holder:
            self.metrics.took_over()

    def _share(self, offer: Offer, lapsed: bool) -> Share:
        return Share(
            past=offer.past,
            resumed=offer.past is not None,
            handed=offer.holder is not None,
            moment=self.store.clock.moment,
            on_audio=partial(self._has_audio, offer, lapsed),
            on_left=partial(self._left, offer.conversation_id),
        )

    def _has_audio(self, offer: Offer, lapsed: bool, gap_s: float) -> None:
        call = self.calls.get(offer.conversation_id)
        if call and call.phase == "coming":
            self.owe_takeover(call)
        elif call and lapsed and offer.past:
            self.metrics.heard_again(gap_s)
            log.info("A lost node's call is heard here", conversation_id=call.conversation_id, gap_s=round(gap_s, 3))

    def owe_takeover(self, call: Call) -> None:
        """We hear a call that is coming: it is to be ours."""
        if not call.asked_over:
            call.asked_over = True
            self.chores.owe(partial(self._take_over, call))

    async def _take_over(self, call: Call) -> None:
        if call.phase != "coming" or self.calls.get(call.conversation_id) is not call:
            return
        if await self.store.took_over(call.offer):
            call.becomes("ours", tick())
            self.metrics.handed("in")
            log.info("A call was handed to this node", conversation_id=call.conversation_id, by=call.offer.holder)
        else:
            self.let_go(call, "handed_over")

    def let_go(self, call: Call, reason: EndReason) -> None:
        """It leaves, soon; told once, so that its leaving is not disturbed."""
        if not call.leaving:
            call.leaving = True
            self.host.fail(call.conversation_id, reason)

    def _left(self, conversation_id: str, reason: EndReason) -> None:
        """A conversation has left here: its entry is settled, given back, or another's."""
        call = self.calls.live[conversation_id]
        self.calls.left(call)
        if reason == "fenced":
            self.metrics.fenced()
            # Known, unless Redis has lost its data meanwhile: then nobody else would ever think of this call.
            again = partial(self.store.offer, conversation_id, "earlier", past=call.conversation.note())
            self.chores.owe(again, CALL_KEPT_S)
        match settlement(reason, call):
            case "settle":
                self.owe_settlement(call.entry, conversation_id)
            case "quarantine":
                self.owe_settlement(call.entry, conversation_id, QUARANTINE_S)
            case "give_back" if call.phase != "lingering":
                self.chores.owe(partial(self.store.give_back, [call.entry], untried=reason == "drained"))
            case _:
                pass

    def owe_settlement(self, entry: str, conversation_id: str, quarantine_s: float | None = None) -> None:
        """Its call has ended; Redis is to know."""
        self.chores.owe(partial(self.store.settle, entry, conversation_id, quarantine_s=quarantine_s))
