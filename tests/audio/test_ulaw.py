import io
import struct

import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from engine.audio.interleaved import TAKE_APART
from engine.audio.ulaw import SAMPLES


def test_the_table_is_that_of_g711():
    # ITU-T G.711, table 2a: the ends, the smallest steps, both zeros
    assert {code: int(SAMPLES[code]) for code in (0x00, 0x80, 0x7F, 0xFF, 0x7E, 0xFE, 0x0F, 0x70)} == {
        0x00: -32124,
        0x80: 32124,
        0x7F: 0,
        0xFF: 0,
        0x7E: -8,
        0xFE: 8,
        0x0F: -16764,
        0x70: -120,
    }


def linear(codes: bytes) -> bytes:
    """As libsndfile decodes them."""
    if not codes:
        return b""
    raw = {"format": "RAW", "subtype": "ULAW", "samplerate": 8000, "channels": 1}
    return soundfile.read(io.BytesIO(codes), dtype="int16", **raw)[0].tobytes()


def test_the_table_is_that_of_libsndfile():
    assert SAMPLES.tobytes() == linear(bytes(range(256)))


@given(st.binary(max_size=400))
def test_ulaw_is_taken_apart(data):
    assert TAKE_APART["PCMU", 1](data) == (linear(data),)
    whole = data[: len(data) // 2 * 2]
    assert TAKE_APART["PCMU", 2](whole) == (linear(whole[0::2]), linear(whole[1::2]))


@given(st.lists(st.tuples(st.integers(-32768, 32767), st.integers(-32768, 32767)), max_size=200))
def test_linear_audio_is_taken_apart(pairs):
    together = b"".join(struct.pack("<hh", *pair) for pair in pairs)
    first, second = (b"".join(struct.pack("<h", pair[side]) for pair in pairs) for side in (0, 1))
    assert TAKE_APART["L16", 2](together) == (first, second)
    assert TAKE_APART["L16", 1](first) == (first,)


@pytest.mark.parametrize(("encoding", "channels"), TAKE_APART)
def test_nothing_gives_nothing(encoding, channels):
    assert TAKE_APART[encoding, channels](b"") == (b"",) * channels
