"""The calls of a fleet that this node follows, and what of them is ours to do; pure.

A call is *coming* while another node hears it still, *ours*, *offered* to others while we hear it on, or *lingering* once another
has it: then we hear what was begun to its end. Its right says until when we may act. Rights of calls that left are remembered for
phrases that are found after them.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from engine.fleet.rights import Right, Tick, leased
from engine.fleet.store import Held, Offer, Renewal
from engine.intake.conversation import EndReason
from engine.intake.past import Past
from engine.metrics import ConversationState

LINGER_S = 3.0  # a phrase that had begun when the other node began to hear ends by then
OVERLAP_S = 10.0  # so long after a handover another node may act on the call, too
TAKEN_MAX = 5  # a call that was taken more often has ended node after node
QUARANTINE_S = 24 * 3600.0
REMEMBERED = 10_000  # rights of calls that left

Phase = Literal["coming", "ours", "offered", "lingering"]
Settlement = Literal["settle", "give_back", "quarantine", "leave"]

# What becomes of a call's entry when its conversation has left here. `leave`: it is another's already.
SETTLEMENTS: dict[EndReason, Settlement] = {
    "ended": "settle",
    "removed": "settle",
    "not_found": "settle",
    "not_visible": "settle",
    "no_voice": "settle",
    "forbidden": "settle",
    "unauthorized": "settle",
    "refused": "settle",
    "drained": "give_back",
    "rate_limited": "give_back",
    "unreachable": "give_back",
    "protocol": "give_back",
    "error": "give_back",
    "quarantined": "quarantine",
    "handed_over": "leave",
    "fenced": "leave",
}
# What becomes instead of one that was taken TAKEN_MAX times and would be given back: given up, as an engine alone would, where
# the fault may be the network's or the platform's; kept from all where it may be the call's.
AT_LAST: dict[EndReason, Settlement] = {
    "rate_limited": "settle",
    "unreachable": "settle",
    "protocol": "quarantine",
    "error": "quarantine",
}


class Heard(Protocol):
    """A conversation as far as the fleet looks at it."""

    @property
    def state(self) -> ConversationState: ...  # noqa: D102 - the name says it

    def note(self) -> Past | None:
        """Where its audio is now."""
        ...


@dataclass(slots=True, eq=False)
class Call:
    """One of them."""

    offer: Offer
    entry: str
    right: Right
    phase: Phase
    conversation: Heard
    since_s: float  # boot time of its last change of phase
    begun_mono_s: float  # when it was taken
    shared_until_s: float = 0.0  # boot time until which another node may hear it, too
    lost_at: int = 0  # answers in a row by which Redis does not know it
    leaving: bool = False  # it was told to leave
    asked_over: bool = False  # Redis is being told that we hear it
    adopting: bool = False  # we have read our own offer of it: its entry is about to change

    @property
    def conversation_id(self) -> str:
        """Its name everywhere."""
        return self.offer.conversation_id

    def becomes(self, phase: Phase, now: Tick) -> None:
        """Come into another phase."""
        self.phase, self.since_s = phase, now.boot_s
        if phase != "ours":
            self.shared_until_s = now.boot_s + OVERLAP_S


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer to a renewal asks for."""

    lost: Sequence[Call]  # another has them
    moved: Sequence[Call]  # another hears them, as was asked for
    missing: Sequence[Call]  # Redis has forgotten them
    withdrawn: Sequence[Call]


@dataclass(slots=True)
class Calls:
    """All of them by conversation."""

    lease_s: float
    live: dict[str, Call] = field(default_factory=dict)
    _left: OrderedDict[str, Right] = field(default_factory=OrderedDict)

    def __len__(self) -> int:
        return len(self.live)

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self.live.values()))

    def get(self, conversation_id: str) -> Call | None:
        """The call, while it is followed here."""
        return self.live.get(conversation_id)

    def take(self, offer: Offer, sent: Tick, begin: Callable[[], Heard]) -> Call:
        """An offer was read by a question sent then; `begin` follows it, and what it raises changes nothing."""
        phase: Phase = "coming" if offer.holder else "ours"
        call = Call(offer, offer.entry, leased(sent, self.lease_s), phase, begin(), sent.boot_s, sent.mono_s)
        call.becomes(phase, sent)
        self.live[offer.conversation_id] = call
        return call

    def left(self, call: Call) -> None:
        """It is followed no more; phrases of it may still be found."""
        del self.live[call.conversation_id]
        self._left[call.conversation_id] = call.right
        self._left.move_to_end(call.conversation_id)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)

    # renewal

    def held(self) -> list[Call]:
        """Those whose entries are ours to renew."""
        return [call for call in self.live.values() if call.phase != "lingering"]

    def renewed(self, asked: Iterable[Call], sent: Tick, answer: Renewal) -> Verdict:
        """An answer has come to a question sent then: rights go on, or don't."""
        held = [call for call in asked if self.live.get(call.conversation_id) is call and call.phase != "lingering"]
        lost = [call for call in held if call.entry in answer.lost]
        moved = [call for call in held if call.entry in answer.moved and not call.adopting]
        missing = [call for call in held if call.entry in answer.missing]
        gone = {id(call) for call in (*lost, *moved)}
        unknown = {id(call) for call in missing}
        for call in held:
            if id(call) not in gone:
                call.right = leased(sent, self.lease_s)
            call.lost_at = call.lost_at + 1 if id(call) in unknown else 0
        withdrawn = [call for call in held if call.conversation_id in answer.withdrawn]
        return Verdict(lost, moved, missing, withdrawn)

    def linger(self, call: Call, now: Tick) -> None:
        """Another hears it: what has begun may end here."""
        call.becomes("lingering", now)
        call.right = Right(now, LINGER_S)

    # time

    def over(self, now: Tick) -> list[tuple[Call, EndReason]]:
        """Those that we have no right to any more."""
        return [
            (call, "handed_over" if call.phase == "lingering" else "fenced")
            for call in self.live.values()
            if not call.leaving and not call.right.holds(now)
        ]

    def next_s(self, now: Tick) -> float:
        """Seconds to the next horizon."""
        horizons = (call.right.until_s for call in self.live.values() if not call.leaving)
        return min(horizons, default=now.boot_s + self.lease_s) - now.boot_s

    def count(self, *phases: Phase) -> int:
        """How many are in these phases."""
        return sum(call.phase in phases for call in self.live.values())

    # effects

    def covers(self, conversation_id: str, mono_s: float, now: Tick) -> bool:
        """Whether a phrase that ended then is ours to act on; so is all of calls that the fleet knows nothing of."""
        call = self.live.get(conversation_id)
        if call and mono_s >= call.begun_mono_s:
            return call.right.covers(mono_s, now)
        before = self._left.get(conversation_id)
        return before is None or before.covers(mono_s, now)

    def alone(self, conversation_id: str, now: Tick) -> bool:
        """Whether no other node can act on it now, so that nobody need be asked where Redis does not answer."""
        call = self.live.get(conversation_id)
        if call is None:
            return conversation_id not in self._left
        return call.phase == "ours" and call.right.holds(now) and now.boot_s >= call.shared_until_s


def held_rows(calls: Iterable[Call]) -> list[Held]:
    """As the store takes them."""
    return [Held(call.entry, call.conversation_id, call.conversation.note()) for call in calls]


def settlement(reason: EndReason, call: Call) -> Settlement:
    """What becomes of its entry; one that comes back again and again does not come back for ever."""
    known: Mapping[EndReason, Settlement] = SETTLEMENTS
    chosen = known[reason]
    if chosen == "give_back" and call.offer.taken >= TAKEN_MAX:
        return AT_LAST.get(reason, chosen)
    return chosen
