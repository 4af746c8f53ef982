"""What a fault did to who follows which call: from the simulator's book of what each subscription got. Pure.

Places are milliseconds of a call's audio, whose place 0 is at `started_ns` of the monotonic clock. A subscription is a stretch
of places. A node that was stopped goes on to be sent audio that it does not hear: its stretch is clipped at that moment.
A *break* is audio that no subscription got. Where a fault that cuts explains it, it is that fault's *gap*, and the call's
takeover takes from the fault to the gap's end; any other break is a handover's, and may be no longer than BREAK_MS.
An *overlap* is audio that two subscriptions got: of a handover that is make before break, of a takeover it is a fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.chaos.accounting import AFTER_NS, NS_PER_MS, Fate, Gap, Injected, Phrase, gaps_of

MESSAGE_MS = 20  # a message's place is its end: two that follow each other lie so far apart
BREAK_MS = 100.0
FENCE_MS = 2000.0  # from a stopped node's going on to its having let go
MEETING_MS = 100.0  # so much both may get of a call that one lost to the other: what was under way

Stretch = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A call, and the stretches that its subscriptions got, in the order in which they began."""

    conversation_id: str
    started_ns: int
    sent: tuple[Stretch, ...]
    now_ms: float  # how far its audio has come

    def at_ms(self, at_ns: int) -> float:
        """The place of a moment."""
        return (at_ns - self.started_ns) / NS_PER_MS

    def at_ns(self, place_ms: float) -> float:
        """The moment of a place."""
        return self.started_ns + place_ms * NS_PER_MS


@dataclass(frozen=True, slots=True)
class Takeover:
    """A call that a fault took from its node, and how long after the fault it was followed again."""

    conversation_id: str
    fault: Injected
    again_s: float | None  # 0: it was followed throughout; None: never again so far


@dataclass(frozen=True, slots=True)
class Break:
    """Audio of a call that nobody got though no fault explains it."""

    conversation_id: str
    at_ns: int
    lasts_ms: float
    fault: Injected | None  # the latest before it


@dataclass(frozen=True, slots=True)
class Overlap:
    """Audio of a call that two got."""

    conversation_id: str
    at_ns: int
    lasts_ms: float
    fault: Injected | None  # the latest before it


@dataclass(frozen=True, slots=True)
class Moves:
    """How calls went from node to node."""

    takeovers: tuple[Takeover, ...]
    breaks: tuple[Break, ...]
    overlaps: tuple[Overlap, ...]
    not_let_go: tuple[Overlap, ...]  # a stopped node's subscriptions that stood too long after it went on


def heard(call: Subscribed, faults: Sequence[Injected]) -> tuple[Stretch, ...]:
    """Its stretches, a stopped node's clipped where it stopped."""
    clips = {
        index: call.at_ms(fault.at_ns)
        for fault in faults
        if fault.stops and call.conversation_id in (fault.calls or ())
        for index in _held(call, fault.at_ns)
    }
    return tuple((begun, min(until, clips.get(index, until))) for index, (begun, until) in enumerate(call.sent))


def _held(call: Subscribed, at_ns: int) -> list[int]:
    """The subscription that was the latest to begin by then."""
    place = call.at_ms(at_ns)
    begun = [index for index, (from_ms, _) in enumerate(call.sent) if from_ms <= place]
    return begun[-1:]


def gaps_by_call(
    calls: Sequence[Subscribed], faults: Sequence[Injected], silent_ms: float = 1000.0
) -> dict[str, list[Gap]]:
    """For the account: where nobody heard it; the last one open where nobody does now."""
    found = {}
    for call in calls:
        stretches = heard(call, faults)
        gaps = [gap for gap in gaps_of(stretches) if gap.to_ms - gap.from_ms > MESSAGE_MS]
        until = max((until for _, until in stretches), default=None)
        if until is not None and call.now_ms - until > silent_ms:
            gaps.append(Gap(until, float("inf")))
        found[call.conversation_id] = gaps
    return found


def moves(
    calls: Sequence[Subscribed], faults: Sequence[Injected], went_on_ns: Mapping[int, int] | None = None
) -> Moves:
    """All of them; `went_on_ns` says by a fault's number when a stopped node went on."""
    gaps = gaps_by_call(calls, faults)
    by_id = {call.conversation_id: call for call in calls}
    return Moves(
        takeovers=tuple(_takeovers(by_id, gaps, faults)),
        breaks=tuple(_breaks(by_id, gaps, faults)),
        overlaps=tuple(each for call in calls for each in _overlaps(call, faults)),
        not_let_go=tuple(each for call in calls for each in _not_let_go(call, faults, went_on_ns or {})),
    )


def _takeovers(
    calls: Mapping[str, Subscribed], gaps: Mapping[str, Sequence[Gap]], faults: Sequence[Injected]
) -> Iterator[Takeover]:
    for fault in faults:
        for conversation_id in sorted(fault.calls or ()) if fault.cuts else ():
            call = calls[conversation_id]
            gap = next((gap for gap in gaps[conversation_id] if made_by(fault, call, gap)), None)
            if gap is None:
                yield Takeover(conversation_id, fault, 0.0)
            elif gap.to_ms == float("inf"):
                yield Takeover(conversation_id, fault, None)
            else:
                yield Takeover(conversation_id, fault, (call.at_ns(gap.to_ms) - fault.at_ns) / NS_PER_MS / 1000)


def made_by(fault: Injected, call: Subscribed, gap: Gap) -> bool:
    """Whether this fault explains the gap: it cuts, on this call, and the gap began soon enough after it."""
    if not fault.cuts or (fault.calls is not None and call.conversation_id not in fault.calls):
        return False
    return -AFTER_NS <= call.at_ns(gap.from_ms) - fault.at_ns <= fault.reaches_ns


def _breaks(
    calls: Mapping[str, Subscribed], gaps: Mapping[str, Sequence[Gap]], faults: Sequence[Injected]
) -> Iterator[Break]:
    for conversation_id, found in gaps.items():
        call = calls[conversation_id]
        for gap in found:
            if not any(made_by(fault, call, gap) for fault in faults):
                at_ns = int(call.at_ns(gap.from_ms))
                lasts_ms = min(gap.to_ms, call.now_ms) - gap.from_ms - MESSAGE_MS
                yield Break(conversation_id, at_ns, lasts_ms, _latest(faults, at_ns + AFTER_NS))


def _overlaps(call: Subscribed, faults: Sequence[Injected]) -> Iterator[Overlap]:
    reached = float("-inf")
    for from_ms, until in sorted(heard(call, faults)):
        if lasts_ms := max(0.0, min(reached, until) - from_ms):
            at_ns = int(call.at_ns(from_ms))
            yield Overlap(call.conversation_id, at_ns, lasts_ms, _latest(faults, at_ns))
        reached = max(reached, until)


def _not_let_go(call: Subscribed, faults: Sequence[Injected], went_on_ns: Mapping[int, int]) -> Iterator[Overlap]:
    for fault in faults:
        if not (fault.stops and fault.number in went_on_ns and call.conversation_id in (fault.calls or ())):
            continue
        on_ms = call.at_ms(went_on_ns[fault.number])
        for index in _held(call, fault.at_ns):
            if call.sent[index][1] - on_ms > FENCE_MS:
                yield Overlap(call.conversation_id, went_on_ns[fault.number], call.sent[index][1] - on_ms, fault)


def _latest(faults: Sequence[Injected], at_ns: int) -> Injected | None:
    return max((fault for fault in faults if fault.at_ns <= at_ns), key=lambda fault: fault.at_ns, default=None)


class Excuse(Enum):
    """How a phrase that nobody got whole lies to its gap."""

    INSIDE = "inside"  # spoken entirely in it
    EDGE = "edge"  # begun before it, or ended after it, or just heard and not spotted when it began


def excuse(phrase: Phrase, gaps: Sequence[Gap]) -> Excuse:
    """Of a phrase whose fate is NO_AUDIO."""
    assert phrase.fate is Fate.NO_AUDIO
    spoken = phrase.spoken
    inside = any(gap.from_ms <= spoken.start_ms and spoken.end_ms <= gap.to_ms for gap in gaps)
    return Excuse.INSIDE if inside else Excuse.EDGE
