"""What was spoken against what was delivered, and which fault is to blame. Pure: clocks and places come as numbers.

A phrase is *heard* when a delivery of its conversation, channel and words puts its end near the moment at which it was spoken;
places in the engine's own audio count as differences only, since a restarted engine may begin elsewhere. Where the engine is
told its places (AudioHook), they alone count: however late a phrase comes, its place is the call's own. A phrase is *excused* when its audio was
not wholly sent to one open subscription and a fault that cuts audio explains the gap; or when its receiver refused the
command for good. Everything else is *lost*. A delivery is the first receipt of its idempotency key that the receiver took;
a key that is taken again is *redelivered* where the engine could not know of the first time, and a *duplicate* otherwise.
Two keys for one spoken phrase are a duplicate always.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, pairwise
from typing import Literal

from engine.options import Channel

NS_PER_MS = 1_000_000
EARLY_NS = 1000 * NS_PER_MS  # a delivery's idea of the phrase's end against ours
PUNCTUAL_NS = 1500 * NS_PER_MS  # one that comes no later is known by its moment alone
LATE_NS = 12_000 * NS_PER_MS  # what a hung worker may delay it; a phrase recurs in its call after 25 s at least
PLACED_MS = 500  # an idea of the phrase's end against ours where both count from the same place
PLACE_MS = 1500  # a late one's idea of the phrase's end in the audio against ours
LEAD_MS = 300  # of a subscription's first audio: the recognizer has no past there
TAIL_MS = 200  # of a subscription's last audio: a connection that breaks takes along what was under way
HEARING_NS = 1500 * NS_PER_MS  # from a phrase's last sound to its command; until then a killed supervisor forgets it
BEFORE_NS, AFTER_NS = 6000 * NS_PER_MS, 1000 * NS_PER_MS  # a gap begins so long after the fault that made it, or before
PERMANENT = 301


@dataclass(frozen=True, slots=True)
class Spoken:
    """One phrase, said once: its place in its call's audio over all rounds, and on the monotonic clock."""

    conversation_id: str
    recording: str
    phrase: str
    start_ms: float
    end_ms: float
    end_ns: int
    channel: Channel = "external"
    placed: bool = False  # the engine's places in this call are ours

    @property
    def start_ns(self) -> int:
        """When it began."""
        return self.end_ns - int((self.end_ms - self.start_ms) * NS_PER_MS)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request at the receiver. `taken`: it acted on it; `status`: what it answered, None where no answer went out."""

    key: str
    conversation_id: str
    phrase: str
    spotted_ns: int
    end_ns: int  # the phrase's, as the engine has it: spotted, less how far its audio had gone on
    end_ms: float  # the same in its audio
    received_ns: int
    taken: bool
    status: int | None
    signature_ok: bool
    channel: Channel = "external"


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault that struck. Without a conversation, a shard or calls it struck all calls."""

    number: int
    kind: str
    at_ns: int
    conversation_id: str | None = None
    shard: int | None = None
    cuts: bool = False  # audio may be missing
    forgets: bool = False  # the supervisor's memory is gone
    recovered_ns: int | None = None  # None: it never did
    calls: frozenset[str] | None = None  # a node's, when it struck
    stops: bool = False  # what goes on to arrive there is not heard, nor what was not spotted yet
    reaches_ns: int = BEFORE_NS  # gaps that it makes have begun by then


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio of a call that nobody got: from the last that one subscription had to the first of the next."""

    from_ms: float
    to_ms: float


class Fate(Enum):
    """What became of a spoken phrase."""

    HEARD = "heard"
    NO_AUDIO = "no audio"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Phrase:
    """A spoken phrase, its fate, its delivery if there is one, and the fault that is to blame where it was not heard."""

    spoken: Spoken
    fate: Fate
    delivery: Receipt | None
    blamed: Injected | None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One delivery too many."""

    receipt: Receipt
    why: Literal["key", "phrase"]
    blamed: Injected | None


@dataclass(frozen=True, slots=True)
class Account:
    """Every spoken phrase has a fate; every taken receipt is a phrase's delivery, a redelivery, a duplicate or false."""

    phrases: tuple[Phrase, ...]
    duplicates: tuple[Duplicate, ...]
    redelivered: tuple[tuple[Receipt, Injected | None], ...]
    false: tuple[Receipt, ...]
    refused_keys: int  # commands, false ones too, that their receiver refused for good: dead letters
    unsigned: int

    def of(self, fate: Fate) -> tuple[Phrase, ...]:
        """Phrases of this fate."""
        return tuple(phrase for phrase in self.phrases if phrase.fate is fate)


ShardAt = Callable[[str, int], int | None]  # the shard of a conversation at a moment


@dataclass(frozen=True, slots=True)
class Happenings:
    """What there is to account: the gaps are by conversation, in order.

    What was said after `judged_ns` counts where it was heard; where it was not, it may still be.
    """

    spoken: Sequence[Spoken]
    receipts: Sequence[Receipt]
    faults: Sequence[Injected]
    gaps: Mapping[str, Sequence[Gap]]
    started_ns: Mapping[str, int]
    shard_at: ShardAt
    judged_ns: int


def gaps_of(sent: Sequence[tuple[float, float]]) -> list[Gap]:
    """Between what one subscription got and what the next did."""
    ordered = sorted(sent)
    reached = accumulate((to_ms for _, to_ms in ordered), max)  # a session may bring what another had brought
    return [Gap(until, from_ms) for until, (from_ms, _) in zip(reached, ordered[1:], strict=False) if from_ms > until]


def account(known: Happenings) -> Account:
    """Give every spoken phrase its fate and every receipt its meaning."""
    groups: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in sorted(known.receipts, key=lambda each: each.received_ns):
        groups[receipt.key].append(receipt)
    firsts = {key: next((each for each in group if each.taken), None) for key, group in groups.items()}
    deliveries = sorted(filter(None, firsts.values()), key=lambda each: each.received_ns)
    matching = _Matching(known.spoken)
    matching.give(deliveries)
    matched = matching.found
    refusals = [group[-1] for key, group in groups.items() if not firsts[key] and group[-1].status == PERMANENT]
    refusing = _Matching([each for each in known.spoken if each not in matched])
    refusing.give(refusals)
    legit: list[tuple[Receipt, Injected | None]] = []
    by_key: list[Receipt] = []
    for group in groups.values():
        for earlier, again in pairwise([each for each in group if each.taken]):
            if earlier.status is None:  # no answer went out
                legit.append((again, blame(earlier, known)))
            elif killed := _killed_between(earlier, again, known):
                legit.append((again, killed))
            else:
                by_key.append(again)
    fates = (_fate(each, matched.get(each), refusing.found.get(each), known) for each in known.spoken)
    return Account(
        phrases=tuple(each for each in fates if each.spoken.end_ns <= known.judged_ns or each.fate is Fate.HEARD),
        duplicates=tuple(
            [Duplicate(each, "phrase", blame(each, known)) for each in matching.twice]
            + [Duplicate(each, "key", blame(each, known)) for each in by_key]
        ),
        redelivered=tuple(legit),
        false=tuple(matching.false),
        refused_keys=len(refusals),
        unsigned=sum(not each.signature_ok for each in known.receipts),
    )


class _Matching:
    """Each delivery's phrase: the nearest that fits and none has had.

    One that comes when it is due fits by its moment. A late one (from a worker that hung, say) fits by its place in the
    engine's audio, too: what that is ahead of ours is known from the call's nearest delivery in time that was not late.
    """

    def __init__(self, spoken: Iterable[Spoken]) -> None:
        self._places: dict[tuple[str, Channel, str], list[Spoken]] = defaultdict(list)
        for each in spoken:
            self._places[each.conversation_id, each.channel, each.phrase].append(each)
        self._ahead: dict[str, list[tuple[int, float]]] = defaultdict(list)  # by call: when, and by how many ms
        self.found: dict[Spoken, Receipt] = {}
        self.twice: list[Receipt] = []
        self.false: list[Receipt] = []

    def give(self, deliveries: Sequence[Receipt]) -> None:
        """Match these, in this order, the punctual ones first."""
        late = [each for each in deliveries if not self._give(each, self._punctual(each))]
        for each in late:
            fitting = self._late(each)
            if not self._give(each, fitting):
                self.false.append(each)

    def _give(self, delivery: Receipt, fitting: list[Spoken]) -> bool:
        free = [each for each in fitting if each not in self.found]
        if free:
            best = min(free, key=lambda each: abs(delivery.end_ns - each.end_ns))
            self.found[best] = delivery
            self._ahead[delivery.conversation_id].append((delivery.end_ns, delivery.end_ms - best.end_ms))
        elif fitting:
            self.twice.append(delivery)
        return bool(fitting)

    def _punctual(self, delivery: Receipt) -> list[Spoken]:
        return [each for each in self._here(delivery) if _punctual(delivery, each)]

    def _late(self, delivery: Receipt) -> list[Spoken]:
        here = [each for each in self._here(delivery) if not each.placed]
        fitting = [each for each in here if PUNCTUAL_NS < delivery.end_ns - each.end_ns <= LATE_NS]
        known = self._ahead.get(delivery.conversation_id)
        if not known:
            return fitting
        _, ahead_ms = min(known, key=lambda each: abs(each[0] - delivery.end_ns))
        return [each for each in fitting if abs(delivery.end_ms - ahead_ms - each.end_ms) <= PLACE_MS]

    def _here(self, delivery: Receipt) -> list[Spoken]:
        """What was said there in these words."""
        return self._places.get((delivery.conversation_id, delivery.channel, delivery.phrase), [])


def _punctual(delivery: Receipt, spoken: Spoken) -> bool:
    if spoken.placed:
        return abs(delivery.end_ms - spoken.end_ms) <= PLACED_MS
    return -EARLY_NS <= delivery.end_ns - spoken.end_ns <= PUNCTUAL_NS


def _killed_between(earlier: Receipt, later: Receipt, known: Happenings) -> Injected | None:
    """The fault by which the engine forgot that it had been answered, if there was one."""
    forgot = (fault for fault in known.faults if fault.forgets)
    return next((fault for fault in forgot if earlier.received_ns <= fault.at_ns <= later.received_ns), None)


def _fate(spoken: Spoken, delivery: Receipt | None, refusal: Receipt | None, known: Happenings) -> Phrase:
    if delivery:
        return Phrase(spoken, Fate.HEARD, delivery, None)
    if refusal:
        return Phrase(spoken, Fate.REFUSED, None, blame(refusal, known))
    excuse = _excuse(spoken, known)
    if excuse:
        return Phrase(spoken, Fate.NO_AUDIO, None, excuse)
    return Phrase(spoken, Fate.LOST, None, blame(spoken, known))


def _excuse(spoken: Spoken, known: Happenings) -> Injected | None:
    """The fault that kept its audio away: it lies in a gap, and that fault made the gap."""
    for gap in known.gaps.get(spoken.conversation_id, ()):
        if spoken.start_ms >= gap.to_ms + LEAD_MS:
            continue
        cut_ns = known.started_ns[spoken.conversation_id] + int(gap.from_ms * NS_PER_MS)
        for fault in known.faults:
            if not (fault.cuts and strikes(fault, spoken.conversation_id, cut_ns, known.shard_at)):
                continue
            tail_ms = HEARING_NS / NS_PER_MS if fault.forgets or fault.stops else TAIL_MS
            if -AFTER_NS <= cut_ns - fault.at_ns <= fault.reaches_ns and spoken.end_ms > gap.from_ms - tail_ms:
                return fault
    return None


def strikes(fault: Injected, conversation_id: str, at_ns: int, shard_at: ShardAt) -> bool:
    """Whether the fault has to do with this call."""
    if fault.conversation_id is not None:
        return fault.conversation_id == conversation_id
    if fault.calls is not None:
        return conversation_id in fault.calls
    return fault.shard is None or shard_at(conversation_id, at_ns) in (fault.shard, None)


def blame(what: Spoken | Receipt, known: Happenings) -> Injected | None:
    """The latest fault on its call before it should have been delivered; None where there was none."""
    until_ns = what.end_ns + HEARING_NS if isinstance(what, Spoken) else what.received_ns
    near = [
        fault
        for fault in known.faults
        if fault.at_ns <= until_ns and strikes(fault, what.conversation_id, fault.at_ns, known.shard_at)
    ]
    return max(near, key=lambda fault: fault.at_ns, default=None)
