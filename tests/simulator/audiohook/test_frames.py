import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.audiohook.frames import BINARY, CLOSE, TEXT, frame, masked


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_it_back(payload, key):
    assert masked(masked(payload, key), key) == payload


def test_the_rfcs_example():
    # RFC 6455 §5.7: a single-frame masked text message, "Hello"
    assert frame(TEXT, b"Hello", key=bytes.fromhex("37fa213d")) == bytes.fromhex("818537fa213d7f9f4d5158")


@pytest.mark.parametrize(
    ("size", "head"),
    [(125, "82fd"), (126, "82fe007e"), (65_535, "82feffff"), (65_536, "82ff0000000000010000")],
)
def test_lengths(size, head):
    whole = frame(BINARY, bytes(size), key=bytes(4))
    assert whole == bytes.fromhex(head) + bytes(4) + bytes(size)


def test_an_empty_close_and_a_fragment():
    assert frame(CLOSE, b"", key=bytes(4)) == b"\x88\x80\0\0\0\0"
    assert frame(BINARY, b"", fin=False, key=bytes(4))[0] == 0x02


def test_keys_are_drawn():
    assert len({frame(TEXT, b"a") for _ in range(20)}) > 1
