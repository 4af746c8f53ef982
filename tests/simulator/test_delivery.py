import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.delivery import cut, dues_ns, message_of, split_oddly
from engine.simulator.options import NS_PER_BYTE, DeliveryOptions

FRAGMENTS = st.one_of(st.integers(1, 40_000), st.sampled_from(["odd", "random"]))


@given(pcm=st.binary(max_size=3000), fragment=FRAGMENTS, seed=st.integers(0, 99))
def test_fragments_put_together_are_the_audio(pcm, fragment, seed):
    chunks = cut(pcm, fragment, seed)
    assert b"".join(chunks) == pcm
    assert all(chunks)
    if isinstance(fragment, int):
        assert {len(chunk) for chunk in chunks[:-1]} <= {fragment}


def test_odd_fragments_are_odd_and_random_ones_are_both():
    pcm = bytes(100_000)
    assert all(len(chunk) % 2 for chunk in cut(pcm, "odd", 1)[:-1])
    assert {len(chunk) % 2 for chunk in cut(pcm, "random", 1)} == {0, 1}


def test_drawn_sizes_repeat_with_their_seed_only():
    pcm = bytes(20_000)
    assert cut(pcm, "random", 5) == cut(pcm, "random", 5)
    assert cut(pcm, "random", 5) != cut(pcm, "random", 6)


def test_message_is_the_json_of_the_protocol():
    assert json.loads(message_of(b"\x01\xff")) == {"type": "audio", "audio": base64.b64encode(b"\x01\xff").decode()}


@given(st.binary(min_size=1, max_size=700))
def test_odd_split_keeps_the_audio_and_starts_with_an_odd_part(chunk):
    parts = [base64.b64decode(json.loads(part)["audio"]) for part in split_oddly(message_of(chunk))]
    assert b"".join(parts) == chunk
    assert len(parts[0]) % 2 == 1
    assert len(parts) == (2 if len(chunk) > 1 else 1)


def test_a_message_is_due_when_its_last_byte_is_spoken():
    assert dues_ns([320, 320, 100], DeliveryOptions(), 0) == (20_000_000, 40_000_000, 46_250_000)


def test_a_burst_is_due_with_its_last_message_the_last_burst_with_the_end():
    due = dues_ns([320] * 5, DeliveryOptions(burst=2), 0)
    assert due == tuple(1_000_000 * ms for ms in (40, 40, 80, 80, 100))


@given(
    sizes=st.lists(st.integers(1, 1000), max_size=60),
    jitter=st.floats(0, 300),
    burst=st.integers(1, 9),
    seed=st.integers(0, 9),
)
def test_no_message_is_early_out_of_order_or_later_than_jitter_and_burst_allow(sizes, jitter, burst, seed):
    due = dues_ns(sizes, DeliveryOptions(jitter_ms=jitter, burst=burst), seed)
    ends = [sum(sizes[: n + 1]) * NS_PER_BYTE for n in range(len(sizes))]
    assert list(due) == sorted(due)
    assert len(due) == len(ends)
    for number, (at, end) in enumerate(zip(due, ends, strict=True)):
        last_of_burst = min(len(ends), number - number % burst + burst) - 1
        assert end <= at <= ends[last_of_burst] + jitter * 1_000_000


@pytest.mark.parametrize("burst", [1, 4])
def test_jitter_is_repeatable_and_differs_between_calls(burst):
    delivery = DeliveryOptions(jitter_ms=50, burst=burst)
    assert dues_ns([320] * 20, delivery, 1) == dues_ns([320] * 20, delivery, 1)
    assert dues_ns([320] * 20, delivery, 1) != dues_ns([320] * 20, delivery, 2)
