import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.cadence import Cadence, cadence_of, dear_frames

CADENCES = st.builds(
    lambda chunk, lead: Cadence(chunk * 10, (lead - 1) * 10 + 25), chunk=st.integers(2, 60), lead=st.integers(0, 40)
)


def test_looks_come_with_the_frame_that_completes_a_chunk() -> None:
    """Chunks of 210 ms after a lead of 235: 445, 655, 865, 1075 ms are within frames 23, 33, 44, 54."""
    assert Cadence(210, 235).looks(54) == [23, 33, 44, 54]
    assert Cadence(210, 235).looks(53) == [23, 33, 44]


def test_without_knowledge_a_look_every_100_ms() -> None:
    assert Cadence().looks(20) == [5, 10, 15, 20]


def test_chunks_shorter_than_a_frame_make_a_look_at_each_frame() -> None:
    assert Cadence(10).looks(4) == [1, 2, 3, 4]


@pytest.mark.parametrize(("chunk_ms", "lag_ms"), [(120, 0), (180, 0), (240, 30), (360, 90)])
def test_the_lag_is_half_a_chunk_less_what_is_guessed(chunk_ms: int, lag_ms: int) -> None:
    assert Cadence(chunk_ms).lag_ms == lag_ms


@given(CADENCES, st.integers(0, 500))
def test_the_next_look_is_the_first_of_all_looks_beyond(cadence: Cadence, heard: int) -> None:
    look = cadence.next_look(heard)
    assert look > heard
    assert look == next(each for each in cadence.looks(look) if each > heard)


@given(CADENCES)
def test_a_cadence_is_found_again_from_its_looks(cadence: Cadence) -> None:
    looks = cadence.looks(150)
    found = cadence_of(looks, 150)
    if len(looks) < 2:
        assert found is None
    else:
        assert found is not None
        assert found.looks(150) == looks


@pytest.mark.parametrize("dear", [[], [7], [5, 6, 30], [10, 20, 40]])
def test_what_no_chunk_explains(dear: list[int]) -> None:
    assert cadence_of(dear, 50) is None


def test_dear_frames_cost_far_more_than_most() -> None:
    assert dear_frames([1, 11, 1, 9, 1, 30, 1]) == [2, 6]
    assert dear_frames([1, 11, 1, 9, 1, 60, 1, 13, 1, 1]) == [6, 8], "a fifth of the dearest is the least"
