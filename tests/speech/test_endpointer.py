import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.endpointer import Bound, Endpointer, EndpointerOptions
from tests.support.speech import OPTIONS

LIMITS = st.builds(EndpointerOptions, st.integers(1, 6), st.integers(1, 6))
FLAGS = st.lists(st.booleans(), max_size=60)


def bounds(endpointer: Endpointer, flags: list[bool]) -> list[Bound]:
    return [endpointer.push(flag) for flag in flags]


@given(LIMITS, FLAGS)
def test_start_and_end_alternate_and_is_open_agrees(limits: EndpointerOptions, flags: list[bool]) -> None:
    endpointer, is_open = Endpointer(limits), False
    for flag in flags:
        bound = endpointer.push(flag)
        assert bound in (Bound.NONE, Bound.END if is_open else Bound.START)
        is_open = is_open if bound is Bound.NONE else not is_open
        assert endpointer.is_open is is_open


@given(LIMITS, FLAGS)
def test_only_a_whole_run_flips(limits: EndpointerOptions, flags: list[bool]) -> None:
    endpointer = Endpointer(limits)
    for index, bound in enumerate(bounds(endpointer, flags), start=1):
        need = {Bound.START: limits.onset_frames, Bound.END: limits.hangover_frames}.get(bound)
        if need:
            assert set(flags[max(index - need, 0) : index]) == {bound is Bound.START}
            assert index >= need


@given(LIMITS, FLAGS, st.booleans())
def test_silence_closes_within_the_hangover_and_speech_opens_within_the_onset(
    limits: EndpointerOptions, flags: list[bool], voiced: bool
) -> None:
    endpointer = Endpointer(limits)
    bounds(endpointer, flags)
    before = endpointer.is_open
    after = bounds(endpointer, [voiced] * (limits.onset_frames if voiced else limits.hangover_frames))
    assert endpointer.is_open is voiced
    assert [bound for bound in after if bound is not Bound.NONE] == [{True: Bound.START, False: Bound.END}[voiced]] * (
        before is not voiced
    )


@given(LIMITS, FLAGS)
def test_closed_from_outside_it_is_as_new(limits: EndpointerOptions, flags: list[bool]) -> None:
    used = Endpointer(limits)
    bounds(used, flags)
    used.close()
    assert used.is_open is False
    assert bounds(used, flags) == bounds(Endpointer(limits), flags)


def test_opened_from_outside_it_needs_no_onset_and_a_whole_hangover() -> None:
    endpointer = Endpointer(EndpointerOptions(3, 2))
    endpointer.push(True)
    endpointer.push(True)
    endpointer.open()
    assert bounds(endpointer, [False, True, False, False]) == [Bound.NONE, Bound.NONE, Bound.NONE, Bound.END]


@pytest.mark.parametrize(("ms", "frames"), [(20, 1), (21, 2), (60, 3), (399, 20), (400, 20)])
def test_milliseconds_become_frames_rounded_up(ms: int, frames: int) -> None:
    options = OPTIONS.model_copy(update={"onset_ms": ms, "hangover_ms": ms})
    assert EndpointerOptions.of(options) == EndpointerOptions(frames, frames)
