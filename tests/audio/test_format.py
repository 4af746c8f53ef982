from hypothesis import given
from hypothesis import strategies as st

from engine.audio.format import FRAME_BYTES, FRAME_NS, FRAME_S, FRAME_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE, frames_of


def test_a_frame_is_20_ms_of_8_khz_16_bit_mono() -> None:
    assert (SAMPLE_RATE, SAMPLE_BYTES, FRAME_SAMPLES, FRAME_BYTES) == (8000, 2, 160, 320)
    assert FRAME_S == 0.02
    assert FRAME_NS == 20_000_000


@given(st.integers(0, 10**9))
def test_frames_of_covers_the_time_with_as_few_as_possible(ms: int) -> None:
    count = frames_of(ms)
    assert (count - 1) * 20 < ms <= count * 20
