"""The account as rows by kind of fault, the latency that a worker's death costs, and the verdict. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from engine.percentiles import percentile
from tests.chaos.accounting import HEARING_NS, NS_PER_MS, Account, Fate, Happenings, Injected, Phrase

DEATHS = ("worker_kill", "worker_segv", "worker_abort")
ADDED_P95_MS = 500.0


@dataclass(frozen=True, slots=True)
class Row:
    """All faults of a kind."""

    kind: str
    injected: int
    lost: int
    duplicated: int
    no_audio: int
    refused: int
    redelivered: int
    recovered_ms: tuple[float, ...]

    @property
    def unrecovered(self) -> int:
        """How many never did, as far as one waited."""
        return self.injected - len(self.recovered_ms)


def rows(faults: Sequence[Injected], found: Account, kinds: Iterable[str]) -> list[Row]:
    """One per kind that struck, in the order given, and one for what no fault is to blame for, where there is any."""
    made = [_row(kind, [fault for fault in faults if fault.kind == kind], found) for kind in kinds]
    nobody = _row("", [], found)
    return [row for row in made if row.injected] + ([nobody] if nobody.lost or nobody.duplicated else [])


def _row(kind: str, faults: Sequence[Injected], found: Account) -> Row:
    def whose(blamed: Injected | None) -> bool:
        return (blamed.kind if blamed else "") == kind

    fates = [phrase.fate for phrase in found.phrases if phrase.fate is not Fate.HEARD and whose(phrase.blamed)]
    return Row(
        kind=kind,
        injected=len(faults),
        lost=fates.count(Fate.LOST),
        duplicated=sum(whose(each.blamed) for each in found.duplicates),
        no_audio=fates.count(Fate.NO_AUDIO),
        refused=fates.count(Fate.REFUSED),
        redelivered=sum(whose(fault) for _, fault in found.redelivered),
        recovered_ms=tuple((each.recovered_ns - each.at_ns) / NS_PER_MS for each in faults if each.recovered_ns),
    )


@dataclass(frozen=True, slots=True)
class Added:
    """Latency of phrases beyond what the same phrase takes in peace, in ms; None where there were none."""

    phrases: int
    p50: float | None
    p95: float | None

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> "Added":
        """Exact, nearest rank."""
        return cls(len(values_ms), percentile(values_ms, 0.5), percentile(values_ms, 0.95))


def lag_ms(phrase: Phrase) -> float:
    """From its last sound to its being spotted; sinks and receivers have no part in it."""
    assert phrase.delivery is not None
    return (phrase.delivery.spotted_ns - phrase.spoken.end_ns) / NS_PER_MS


@dataclass(frozen=True, slots=True)
class Costs:
    """What workers' deaths cost their own calls and, at the same moments, the other shards' calls.

    `peace` is how much phrases that met no fault differ from one time to the next.
    """

    own: Added
    others: Added
    peace: Added


def costs_of(known: Happenings, found: Account) -> Costs:
    """Each phrase's lag against the median of the same phrase of the same recording where it met no fault."""
    peace: dict[tuple[str, str], list[float]] = defaultdict(list)
    met: list[tuple[Phrase, list[Injected]]] = []
    for phrase in found.of(Fate.HEARD):
        near = [fault for fault in known.faults if _meets(fault, phrase)]
        if near:
            met.append((phrase, near))
        else:
            peace[phrase.spoken.recording, phrase.spoken.phrase].append(lag_ms(phrase))
    usual = {key: median(lags) for key, lags in peace.items()}
    own: list[float] = []
    others: list[float] = []
    for phrase, near in met:
        key = phrase.spoken.recording, phrase.spoken.phrase
        if key in usual and all(fault.kind in DEATHS for fault in near):
            shard = known.shard_at(phrase.spoken.conversation_id, near[0].at_ns)
            mine = any(fault.shard == shard for fault in near)
            (own if mine else others).append(lag_ms(phrase) - usual[key])
    quiet = [lag - usual[key] for key, lags in peace.items() for lag in lags if len(lags) > 1]
    return Costs(Added.of(own), Added.of(others), Added.of(quiet))


def _meets(fault: Injected, phrase: Phrase) -> bool:
    """Whether the phrase was being heard while the fault lasted, on this call, its shard or all of them."""
    if fault.conversation_id not in (None, phrase.spoken.conversation_id) or fault.kind.startswith("webhook"):
        return False
    over_ns = (fault.recovered_ns or fault.at_ns) + HEARING_NS // 3
    return fault.at_ns - HEARING_NS // 3 <= phrase.spoken.end_ns <= over_ns


@dataclass(frozen=True, slots=True)
class Course:
    """What was noted of the run besides the account."""

    calm_missed: Sequence[str]  # phrases not heard before the first fault
    left_behind: Sequence[str]  # processes, shared memory
    wrong: Sequence[str]  # sentences on what was not as it has to be
    not_resumed: int  # conversations that a restarted engine did not take up by itself
    unreadable: int  # requests at the receiver that were no commands
    dropped_frames: int
    dead_letters: int  # as the engine counts them


def faults_found(table: Sequence[Row], found: Account, course: Course, deaths: Added) -> Iterator[str]:
    """Sentences: what is not as it has to be; none where all is well."""
    lost = len(found.of(Fate.LOST))
    numbers = (
        (lost, "phrases were lost."),
        (len(found.duplicates), "deliveries were duplicates."),
        (found.unsigned, "requests were not signed as they should be."),
        (course.unreadable, "requests at the receiver were no commands."),
        (course.not_resumed, "conversations were not resumed by a restarted engine."),
        (
            lost and course.dropped_frames,
            "frames were dropped; a machine too busy for so many calls drops some, too (--calls).",
        ),
    )
    if course.dead_letters != found.refused_keys:
        yield f"{found.refused_keys} commands were refused for good, but {course.dead_letters} are kept as dead letters."
    yield from (f"{number} {what}" for number, what in numbers if number)
    if course.calm_missed:
        yield f"Missed before any fault: {', '.join(course.calm_missed)}. The chaos is not to blame; the load may be too high."
    for row in table:
        if row.unrecovered:
            yield f"{row.kind}: {row.unrecovered} of {row.injected} never recovered."
    yield from course.wrong
    if course.left_behind:
        yield f"Left behind: {', '.join(course.left_behind)}."
    if deaths.p95 is not None and deaths.p95 > ADDED_P95_MS:
        yield f"A worker's death cost its calls {deaths.p95:.0f} ms (p95); allowed are {ADDED_P95_MS:.0f}."
