"""What was spoken against what was delivered while calls went from node to node. Pure; all of it from the simulator's book.

The book has a line for each subscription: whose it was, and from which place of the call's audio to which. Places are
milliseconds over all rounds of the recording; place 0 is at the call's `started_ns`. A call's *gap* begins when its node is
killed and ends with the first audio that another gets. An undelivered phrase is *in the gap* when it was spoken inside of it,
or at its edge: cut by it, or said so shortly before that the command died with the node. Any other undelivered one is *lost*.
A delivery too many for one phrase is *doubled*. Audio that nobody got though nobody was killed is a *break*.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.demo.fleet_book import BookedCall, Stretch
from engine.demo.scoring import Delivery

NS_PER_MS = 1_000_000
MESSAGE_MS = 20.0  # a message's place is its end: of two that follow each other this much lies between
HEARING_MS = 1500.0  # from a phrase's last sound to its command at the receiver
LEAD_MS = 300.0  # of a subscription's first audio: a recognizer has no past there
EARLY_NS = 1000 * NS_PER_MS  # a command comes before its phrase's last sound by so much at most
PUNCTUAL_NS = 1500 * NS_PER_MS  # one that comes no later after it is known by its moment alone
LATE_NS = 12_000 * NS_PER_MS  # a later one by its place, too; the same words recur in a call after 25 s
PLACE_MS = 1500.0  # a command's idea of the phrase's end against ours


@dataclass(frozen=True, slots=True)
class Killed:
    """A node's end without a word; `at_ns` is the monotonic clock's. `room`: calls that the others could take just then."""

    node: str
    at_ns: int
    room: int
    relief_ns: int | None = None  # since then there was room for all


@dataclass(frozen=True, slots=True)
class Spoken:
    """A phrase, said once."""

    conversation_id: str
    phrase: str
    start_ms: float
    end_ms: float
    end_ns: int


@dataclass(frozen=True, slots=True)
class Takeover:
    """A call that was followed by the killed node, and when it was followed again; None: not yet."""

    conversation_id: str
    node: str | None  # that has it now
    gap: Stretch  # nobody's: its `client` is the killed node; open as long as nobody follows it
    again_s: float | None
    killed: Killed


@dataclass(frozen=True, slots=True)
class Handover:
    """A call that went from one living node to another."""

    conversation_id: str
    giver: str
    taker: str
    break_ms: float  # audio that neither got
    both_ms: float  # audio that both got


@dataclass(frozen=True, slots=True)
class Account:
    """Every spoken phrase is in one of the first four; every delivery in `delivered`, `doubled` or `false`."""

    delivered: tuple[tuple[Spoken, Delivery], ...]
    inside: tuple[Spoken, ...]  # of a gap
    edge: tuple[Spoken, ...]
    lost: tuple[Spoken, ...]
    doubled: tuple[Delivery, ...]
    false: tuple[Delivery, ...]
    unsigned: int
    takeovers: tuple[Takeover, ...]
    handovers: tuple[Handover, ...]

    @property
    def spoken(self) -> int:
        """How many phrases there are to account."""
        return len(self.delivered) + len(self.inside) + len(self.edge) + len(self.lost)

    @property
    def in_the_gap(self) -> int:
        """Not heard because their node was dead and no other had the call yet."""
        return len(self.inside) + len(self.edge)


def account(
    calls: Sequence[BookedCall], deliveries: Iterable[Delivery], killed: Sequence[Killed], judged_ns: int
) -> Account:
    """What became of all that was said by `judged_ns`; what was said after it counts where it was delivered already."""
    takeovers = tuple(each for kill in killed for each in _takeovers(calls, kill))
    matching = _Matching(phrase for call in calls for phrase in spoken_in(call, judged_ns + LATE_NS))
    for delivery in sorted(deliveries, key=lambda each: each.received_ns):
        matching.give(delivery)
    gaps: dict[str, list[Stretch]] = {}
    for each in takeovers:
        gaps.setdefault(each.conversation_id, []).append(each.gap)
    inside: list[Spoken] = []
    edge: list[Spoken] = []
    lost: list[Spoken] = []
    for phrase in matching.missing:
        if phrase.end_ns <= judged_ns:
            near = [gap for gap in gaps.get(phrase.conversation_id, ()) if _touches(phrase, gap)]
            within = any(gap.from_ms <= phrase.start_ms and phrase.end_ms <= gap.to_ms for gap in near)
            (inside if within else edge if near else lost).append(phrase)
    return Account(
        delivered=tuple(matching.found.items()),
        inside=tuple(inside),
        edge=tuple(edge),
        lost=tuple(lost),
        doubled=tuple(matching.twice),
        false=tuple(matching.false),
        unsigned=sum(not each.signature_ok for each in matching.all),
        takeovers=takeovers,
        handovers=tuple(each for call in calls for each in _handovers(call, killed)),
    )


def spoken_in(call: BookedCall, until_ns: int) -> Iterator[Spoken]:
    """What has been said in a call by then, round after round."""
    if call.started_ns is None:
        return
    rounds = max(0, until_ns - call.started_ns) // (call.duration_ms * NS_PER_MS) + 1
    for at_ms in (number * call.duration_ms for number in range(rounds)):
        for said in call.said:
            end_ns = call.started_ns + (at_ms + said.end_ms) * NS_PER_MS
            if end_ns <= until_ns:
                yield Spoken(call.conversation_id, said.phrase, at_ms + said.start_ms, at_ms + said.end_ms, end_ns)


class _Matching:
    """Gives each delivery the phrase of its call and words that it comes after; the nearest, once."""

    def __init__(self, spoken: Iterable[Spoken]) -> None:
        self._by_words: dict[tuple[str, str], list[Spoken]] = {}
        for each in spoken:
            self._by_words.setdefault((each.conversation_id, each.phrase), []).append(each)
        self.found: dict[Spoken, Delivery] = {}
        self.twice: list[Delivery] = []
        self.false: list[Delivery] = []
        self.all: list[Delivery] = []

    def give(self, delivery: Delivery) -> None:
        """Deliveries come in the order of their arrival."""
        self.all.append(delivery)
        here = self._by_words.get((delivery.conversation_id, delivery.phrase), [])
        fitting = [each for each in here if _fits(delivery, each)]
        if not fitting:
            self.false.append(delivery)
            return
        nearest = min(fitting, key=lambda each: abs(delivery.received_ns - each.end_ns))
        if nearest in self.found:
            self.twice.append(delivery)
        else:
            self.found[nearest] = delivery

    @property
    def missing(self) -> Iterator[Spoken]:
        """Phrases without a delivery."""
        return (each for here in self._by_words.values() for each in here if each not in self.found)


def _fits(delivery: Delivery, phrase: Spoken) -> bool:
    late_ns = delivery.received_ns - phrase.end_ns
    placed = abs(delivery.phrase_end_ms - phrase.end_ms) <= PLACE_MS
    return -EARLY_NS <= late_ns <= (LATE_NS if placed else PUNCTUAL_NS)


def _touches(phrase: Spoken, gap: Stretch) -> bool:
    return phrase.start_ms < gap.to_ms + LEAD_MS and phrase.end_ms > gap.from_ms - HEARING_MS


def _takeovers(calls: Sequence[BookedCall], killed: Killed) -> Iterator[Takeover]:
    """Of the calls that nobody else followed when the node was killed."""
    for call in calls:
        if call.started_ns is None:
            continue
        at_ms = (killed.at_ns - call.started_ns) / NS_PER_MS
        holders = {each.client for each in call.sent if each.from_ms <= at_ms <= each.to_ms + HEARING_MS}
        others = [each for each in call.sent if each.client != killed.node and each.to_ms > at_ms]
        if killed.node not in holders or any(each.from_ms <= at_ms for each in others):
            continue
        next_one = min(others, key=lambda each: each.from_ms, default=None)
        gap = Stretch(at_ms, float("inf") if next_one is None else next_one.from_ms, killed.node)
        again_s = None if next_one is None else (next_one.from_ms - at_ms) / 1000
        yield Takeover(call.conversation_id, None if next_one is None else next_one.client, gap, again_s, killed)


def _handovers(call: BookedCall, killed: Sequence[Killed]) -> Iterator[Handover]:
    """Each subscription against the one before it that reached farthest; those that a kill made are takeovers."""
    before: Stretch | None = None
    for each in sorted(call.sent, key=lambda each: each.from_ms):
        if before is not None and not _by_kill(call, before, killed):
            apart_ms = each.from_ms - before.to_ms
            both_ms = max(0.0, min(before.to_ms, each.to_ms) - each.from_ms)
            yield Handover(call.conversation_id, before.client, each.client, max(0.0, apart_ms - MESSAGE_MS), both_ms)
        before = each if before is None or each.to_ms >= before.to_ms else before


def _by_kill(call: BookedCall, before: Stretch, killed: Sequence[Killed]) -> bool:
    """Whether that subscription ended because its node was killed."""
    assert call.started_ns is not None
    places = ((kill.at_ns - call.started_ns) / NS_PER_MS for kill in killed if kill.node == before.client)
    return any(place - HEARING_MS <= before.to_ms <= place + HEARING_MS for place in places)
