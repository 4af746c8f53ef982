"""The fleet's account as rows by kind of fault, and the verdict. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.accounting import NS_PER_MS, Account, Fate, Gap, Injected
from tests.chaos.fleet_account import BREAK_MS, FENCE_MS, MEETING_MS, Excuse, Moves, excuse

TAKEN_S = 2.0  # a call has to be followed again so long after its lease
LINGERS_S = 6.0  # a holder that was relieved lets go by then, once it knows it
RENEWALS = 3  # a lease; a holder learns at the next one


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a kind of fault may cost."""

    leases: float = 1.0  # that a takeover may take, and TAKEN_S
    meets: bool = False  # calls are handed over: two hear them for a while

    def takeover_s(self, lease_s: float) -> float:
        """From the fault to the call's being followed again."""
        return self.leases * lease_s + TAKEN_S

    def overlap_ms(self, lease_s: float) -> float:
        """Of two that get a call's audio."""
        return (lease_s / RENEWALS + LINGERS_S) * 1000 if self.meets else MEETING_MS


@dataclass(frozen=True, slots=True)
class FleetRow:
    """All faults of a kind."""

    kind: str
    injected: int
    lost: int
    duplicated: int
    inside: int  # not heard, spoken entirely in a gap
    edge: int  # not heard, cut by a gap's edge
    redelivered: int
    again_s: tuple[float, ...]  # takeovers that took time
    break_ms: float  # longest that no fault explains; handovers
    overlap_ms: float  # longest that two got a call
    recovered_s: tuple[float, ...]

    @property
    def unrecovered(self) -> int:
        """How many never did, as far as one waited."""
        return self.injected - len(self.recovered_s)


@dataclass(frozen=True, slots=True)
class FleetCourse:
    """What was noted of the run besides the account."""

    calm_missed: Sequence[str]  # phrases not heard before the first fault
    left_behind: Sequence[str]  # processes, shared memory
    wrong: Sequence[str]  # sentences on what was not as it has to be
    unreadable: int  # requests at the receiver that were no commands


def fleet_rows(
    faults: Sequence[Injected],
    found: Account,
    moved: Moves,
    gaps: Mapping[str, Sequence[Gap]],
    kinds: Sequence[str],
) -> list[FleetRow]:
    """One per kind that struck, in the order given; then one for what came before any, where something did."""
    made = [_row(kind, faults, found, moved, gaps) for kind in kinds]
    nobody = _row("", faults, found, moved, gaps)
    return [row for row in made if row.injected] + ([nobody] if nobody.lost or nobody.duplicated else [])


def _row(
    kind: str,
    faults: Sequence[Injected],
    found: Account,
    moved: Moves,
    gaps: Mapping[str, Sequence[Gap]],
) -> FleetRow:
    def mine(fault: Injected | None) -> bool:
        return (fault.kind if fault else "") == kind

    struck = [fault for fault in faults if mine(fault)]
    excuses = [
        excuse(each, gaps.get(each.spoken.conversation_id, ())) for each in found.of(Fate.NO_AUDIO) if mine(each.blamed)
    ]
    return FleetRow(
        kind=kind,
        injected=len(struck),
        lost=sum(mine(each.blamed) for each in found.of(Fate.LOST)),
        duplicated=sum(mine(each.blamed) for each in found.duplicates),
        inside=excuses.count(Excuse.INSIDE),
        edge=excuses.count(Excuse.EDGE),
        redelivered=sum(mine(fault) for _, fault in found.redelivered),
        again_s=tuple(each.again_s for each in moved.takeovers if mine(each.fault) and each.again_s),
        break_ms=max((each.lasts_ms for each in moved.breaks if mine(each.fault)), default=0.0),
        overlap_ms=max((each.lasts_ms for each in moved.overlaps if mine(each.fault)), default=0.0),
        recovered_s=tuple((each.recovered_ns - each.at_ns) / NS_PER_MS / 1000 for each in struck if each.recovered_ns),
    )


def problems(
    table: Sequence[FleetRow],
    found: Account,
    moved: Moves,
    course: FleetCourse,
    allowed: Mapping[str, Allowed],
    lease_s: float,
) -> Iterator[str]:
    """Sentences: what is not as it has to be; none where all is well."""
    numbers = (
        (len(found.of(Fate.LOST)), "phrases were lost."),
        (len(found.duplicates), "deliveries were duplicates."),
        (found.unsigned, "requests were not signed as they should be."),
        (course.unreadable, "requests at the receiver were no commands."),
    )
    yield from (f"{number} {what}" for number, what in numbers if number)
    if course.calm_missed:
        yield f"Missed before any fault: {', '.join(course.calm_missed)}. The chaos is not to blame; the load may be too high."
    yield from _takeovers_found(moved, allowed, lease_s)
    yield from _meetings_found(moved, allowed, lease_s)
    yield from (f"{row.kind}: {row.unrecovered} of {row.injected} never recovered." for row in table if row.unrecovered)
    yield from course.wrong
    if course.left_behind:
        yield f"Left behind: {', '.join(course.left_behind)}."


def _takeovers_found(moved: Moves, allowed: Mapping[str, Allowed], lease_s: float) -> Iterator[str]:
    for each in moved.takeovers:
        limit_s = allowed[each.fault.kind].takeover_s(lease_s)
        if each.again_s is None:
            yield f"{each.fault.kind}: call {each.conversation_id} was never followed again."
        elif each.again_s > limit_s:
            yield (
                f"{each.fault.kind}: call {each.conversation_id} was followed again after {each.again_s:.2f} s; "
                f"allowed are {limit_s:.2f}."
            )


def _meetings_found(moved: Moves, allowed: Mapping[str, Allowed], lease_s: float) -> Iterator[str]:
    for lapse in moved.breaks:
        if lapse.lasts_ms > BREAK_MS:
            yield (
                f"{_kind(lapse.fault)}: nobody heard call {lapse.conversation_id} for {lapse.lasts_ms:.0f} ms, which no fault "
                f"explains; allowed are {BREAK_MS:.0f}."
            )
    for each in moved.overlaps:
        limit_ms = allowed[each.fault.kind].overlap_ms(lease_s) if each.fault else MEETING_MS
        if each.lasts_ms > limit_ms:
            yield (
                f"{_kind(each.fault)}: two nodes followed call {each.conversation_id} for {each.lasts_ms:.0f} ms; "
                f"allowed are {limit_ms:.0f}."
            )
    for each in moved.not_let_go:
        yield (
            f"{_kind(each.fault)}: a node that had been stopped kept call {each.conversation_id} for {each.lasts_ms:.0f} ms; "
            f"allowed are {FENCE_MS:.0f}."
        )


def _kind(fault: Injected | None) -> str:
    return fault.kind if fault else "before any fault"
