"""Who followed which call, by journals made by hand: a harness that can't fail shows nothing."""

from dataclasses import replace

import pytest

from tests.chaos.accounting import Account, Fate, Gap, Injected, Phrase, Receipt, Spoken
from tests.chaos.fleet_account import (
    BREAK_MS,
    FENCE_MS,
    MESSAGE_MS,
    Break,
    Excuse,
    Moves,
    Overlap,
    Subscribed,
    Takeover,
    excuse,
    gaps_by_call,
    heard,
    moves,
)
from tests.chaos.fleet_figures import Allowed, FleetCourse, fleet_rows, problems

MS = 1_000_000
S = 1000 * MS
STARTED_NS = 100 * S
A, B = "call-a", "call-b"
LEASE_S = 5.0


def call(*sent: tuple[float, float], name: str = A, now_ms: float = 60_000) -> Subscribed:
    return Subscribed(name, STARTED_NS, sent, now_ms)


def at(place_ms: float) -> int:
    return STARTED_NS + int(place_ms * MS)


def fault(kind: str, at_ms: float, *calls: str, **changes: object) -> Injected:
    return Injected(0, kind, at(at_ms), calls=frozenset(calls) if calls else None, **changes)


KILL = fault("node_kill", 20_000, A, cuts=True, forgets=True)
STOP = fault("node_stop", 20_000, A, cuts=True, stops=True)
DRAIN = fault("node_drain", 20_000)


def test_a_call_that_one_node_heard_throughout_has_not_moved():
    assert moves([call((20, 60_000))], []) == Moves((), (), (), ())
    assert gaps_by_call([call((20, 60_000))], []) == {A: []}


def test_a_killed_nodes_call_is_followed_again_when_the_next_gets_audio():
    calls = [call((20, 20_010), (26_500, 60_000)), call((20, 60_000), name=B)]
    found = moves(calls, [KILL])
    assert found.takeovers == (Takeover(A, KILL, 6.5),)
    assert (found.breaks, found.overlaps) == ((), ())
    assert gaps_by_call(calls, [KILL]) == {A: [Gap(20_010, 26_500)], B: []}


def test_who_was_followed_throughout_took_no_time_and_who_never_is_again_is_named():
    both = [call((20, 20_010), (15_000, 60_000)), call((20, 20_010), name=B)]
    found = moves(both, [replace(KILL, calls=frozenset((A, B)))])
    assert [each.again_s for each in found.takeovers] == [0.0, None]


def test_a_stopped_node_is_sent_audio_that_it_does_not_hear():
    stopped = call((20, 29_000), (26_500, 60_000))
    assert heard(stopped, [STOP]) == ((20, 20_000), (26_500, 60_000))
    found = moves([stopped], [STOP], {0: at(28_500)})
    assert found.takeovers == (Takeover(A, STOP, 6.5),)
    assert (found.overlaps, found.not_let_go) == ((), ())
    assert heard(call((20, 29_000), name=B), [STOP]) == ((20, 29_000),)


def test_a_stopped_node_has_to_let_go_when_it_goes_on():
    late = call((20, 28_500 + FENCE_MS + 1), (26_500, 60_000))
    [kept] = moves([late], [STOP], {0: at(28_500)}).not_let_go
    assert (kept.conversation_id, kept.lasts_ms, kept.fault) == (A, FENCE_MS + 1, STOP)


def test_a_handover_is_make_before_break():
    calls = [call((20, 24_000), (22_000, 60_000))]
    found = moves(calls, [DRAIN])
    assert found.overlaps == (Overlap(A, at(22_000), 2000.0, DRAIN),)
    assert (found.breaks, found.takeovers) == ((), ())


@pytest.mark.parametrize(("later_ms", "gap_ms"), [(MESSAGE_MS, None), (MESSAGE_MS + 20, 20.0), (400, 380.0)])
def test_a_handovers_break_is_what_no_fault_explains(later_ms, gap_ms):
    found = moves([call((20, 24_000), (24_000 + later_ms, 60_000))], [DRAIN])
    assert found.breaks == (() if gap_ms is None else (Break(A, at(24_000), gap_ms, DRAIN),))


def test_a_gap_is_only_a_faults_on_its_calls_and_in_its_time():
    elsewhere = call((20, 20_010), (26_500, 60_000), name=B)
    assert [each.fault for each in moves([elsewhere, call((20, 60_000))], [KILL]).breaks] == [KILL]
    late = call((20, 27_000), (33_000, 60_000))
    assert len(moves([late], [KILL]).breaks) == 1
    assert moves([late], [replace(KILL, reaches_ns=7 * S)]).breaks == ()


def test_a_call_that_nobody_hears_now_is_an_open_gap():
    assert gaps_by_call([call((20, 59_500))], []) == {A: []}
    assert gaps_by_call([call((20, 20_010))], [KILL]) == {A: [Gap(20_010, float("inf"))]}
    [lapse] = moves([call((20, 30_000))], []).breaks
    assert lapse.lasts_ms == 60_000 - 30_000 - MESSAGE_MS


def said(start_ms: float, end_ms: float) -> Spoken:
    return Spoken(A, "recording", "transfer me", start_ms, end_ms, at(end_ms))


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "kind"),
    [(20_010, 26_500, Excuse.INSIDE), (20_009, 21_000, Excuse.EDGE), (26_000, 26_501, Excuse.EDGE)],
)
def test_inside_a_gap_is_entirely_inside(start_ms, end_ms, kind):
    assert excuse(Phrase(said(start_ms, end_ms), Fate.NO_AUDIO, None, KILL), [Gap(20_010, 26_500)]) is kind


def receipt() -> Receipt:
    return Receipt("key", A, "transfer me", 0, 0, 0, 0, taken=True, status=204, signature_ok=True)


ALLOWED = {"node_kill": Allowed(), "node_stop": Allowed(), "node_drain": Allowed(meets=True)}
WELL = FleetCourse((), (), (), 0)
NOTHING = Account((), (), (), (), 0, 0)
STILL = Moves((), (), (), ())


def verdict(found: Account = NOTHING, moved: Moves = STILL, course: FleetCourse = WELL, faults=()) -> list[str]:
    table = fleet_rows(faults, found, moved, {}, list(ALLOWED))
    return list(problems(table, found, moved, course, ALLOWED, LEASE_S))


def test_all_is_well_where_nothing_is_wrong():
    moved = Moves(
        (Takeover(A, KILL, LEASE_S + 2), Takeover(B, KILL, 0.0)),
        (Break(A, 0, BREAK_MS, DRAIN),),
        (Overlap(A, 0, 7600, DRAIN), Overlap(A, 0, 100, KILL)),
        (),
    )
    assert verdict(moved=moved, faults=(replace(KILL, recovered_ns=KILL.at_ns + S),)) == []


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        (Moves((Takeover(A, KILL, LEASE_S + 2.01),), (), (), ()), ["node_kill", "7.01", "7.00"]),
        (Moves((Takeover(A, KILL, None),), (), (), ()), ["node_kill", "never"]),
        (Moves((), (Break(A, 0, 101, DRAIN),), (), ()), ["node_drain", "101 ms"]),
        (Moves((), (Break(A, 0, 101, None),), (), ()), ["before any fault"]),
        (Moves((), (), (Overlap(A, 0, 101, KILL),), ()), ["node_kill", "two nodes"]),
        (Moves((), (), (Overlap(A, 0, 7700, DRAIN),), ()), ["node_drain", "two nodes"]),
        (Moves((), (), (), (Overlap(A, 0, 2100, STOP),)), ["node_stop", "kept"]),
    ],
)
def test_each_thing_that_is_wrong_is_said(moved, words):
    [sentence] = verdict(moved=moved)
    assert all(word in sentence for word in (*words, A if "any fault" not in words[0] else "101"))


def test_what_is_lost_or_comes_twice_fails_the_run():
    lost = Account((Phrase(said(0, 500), Fate.LOST, None, None),), (), (), (), 0, 0)
    assert verdict(lost) == ["1 phrases were lost."]
    unsigned = Account((), (), (), (receipt(),), 0, 2)
    assert verdict(unsigned) == ["2 requests were not signed as they should be."], "what nobody said is counted apart"
    course = FleetCourse(("x in call-01",), ("a process",), ("A drained node ended with exit code 1.",), 3)
    assert len(verdict(course=course, faults=(KILL,))) == 5


def test_a_row_sums_its_kind():
    inside = Phrase(said(20_500, 21_000), Fate.NO_AUDIO, None, KILL)
    edge = Phrase(said(19_500, 20_100), Fate.NO_AUDIO, None, KILL)
    found = Account((inside, edge), (), (), (), 0, 0)
    moved = Moves((Takeover(A, KILL, 6.5), Takeover(B, KILL, 0.0)), (), (), ())
    done = replace(KILL, recovered_ns=KILL.at_ns + 7 * S)
    [row] = fleet_rows([done], found, moved, {A: [Gap(20_010, 26_500)]}, list(ALLOWED))
    assert (row.kind, row.injected, row.inside, row.edge, row.again_s) == ("node_kill", 1, 1, 1, (6.5,))
    assert (row.recovered_s, row.unrecovered, row.lost) == ((7.0,), 0, 0)
