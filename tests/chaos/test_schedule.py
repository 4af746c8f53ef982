from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.kinds import KINDS
from tests.chaos.schedule import Planned, planned

SEEDS, SPACINGS = st.integers(0, 2**32), st.floats(0.1, 10)


@given(SEEDS, SPACINGS)
def test_the_same_seed_makes_the_same_schedule(seed, spacing_s):
    once, again = (planned(seed, list(KINDS), 50, spacing_s) for _ in range(2))
    assert once == again


def test_another_seed_makes_another():
    assert planned(1, list(KINDS), 50, 1.0) != planned(2, list(KINDS), 50, 1.0)


@given(SEEDS, st.integers(1, 120))
def test_every_kind_comes_equally_often(seed, faults):
    counts = Counter(fault.kind for fault in planned(seed, list(KINDS), faults, 1.0))
    assert counts.total() == faults
    assert set(counts.values()) <= {faults // len(KINDS), faults // len(KINDS) + 1}


@given(SEEDS, SPACINGS)
def test_the_moments_go_on_about_evenly(seed, spacing_s):
    moments = [fault.at_s for fault in planned(seed, ["a"], 30, spacing_s)]
    assert moments[0] >= 0
    steps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(spacing_s / 3 - 1e-9 <= step <= spacing_s * 5 / 3 + 1e-9 for step in steps)


def test_the_draw_picks_one_of_those_who_are_there():
    assert [Planned(0, 0.0, "a", draw).of(["x", "y", "z"]) for draw in (0.0, 0.34, 0.999)] == ["x", "y", "z"]


def test_there_are_enough_kinds_and_each_says_what_it_does():
    assert len(KINDS) >= 12
    assert all(kind.says and kind.recovers for kind in KINDS.values())
    assert all(kind.cuts for kind in KINDS.values() if kind.forgets)
