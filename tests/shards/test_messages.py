import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.options import Channel
from engine.packets import MAX_PACKET_BYTES
from engine.shards.messages import SERVER_CODEC, WORKER_CODEC, Drain, OpenRing, Prepare, RingClosed
from engine.speech.events import PhraseSpotted, SpokenWord, Transcribed

NUMBER = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=50)
st.register_type_strategy(
    PhraseSpotted,
    st.builds(
        PhraseSpotted,
        rule=TEXT,
        phrase=TEXT,
        text=TEXT,
        confidence=st.none() | st.floats(0, 1),
        utterance_start_ms=NUMBER,
        phrase_end_ms=NUMBER,
        audio_position_ms=NUMBER,
        phrase_end_ns=NUMBER,
    ),
)
st.register_type_strategy(
    SpokenWord, st.builds(SpokenWord, text=TEXT, start_ms=NUMBER, end_ms=NUMBER, confidence=st.floats(0, 1))
)
st.register_type_strategy(
    Transcribed,
    st.builds(
        Transcribed,
        utterance_start_ms=NUMBER,
        end_ms=NUMBER,
        text=TEXT,
        words=st.lists(st.from_type(SpokenWord), max_size=5).map(tuple),
    ),
)
BY_TYPE = {
    int: NUMBER,
    str: TEXT,
    tuple[str, ...]: st.lists(TEXT, max_size=5).map(tuple),
    dict[str, int]: st.dictionaries(TEXT, NUMBER, max_size=5),
}


def _messages(cls):
    fields = {field.name: BY_TYPE[field.type] for field in dataclasses.fields(cls) if field.type in BY_TYPE}
    return st.builds(cls, **fields)


EACH = [(codec, cls) for codec in (SERVER_CODEC, WORKER_CODEC) for cls in codec.classes]


@pytest.mark.parametrize(("codec", "cls"), EACH, ids=[cls.__name__ for _, cls in EACH])
@given(data=st.data())
def test_what_was_encoded_is_decoded(codec, cls, data):
    message = data.draw(_messages(cls))
    decoded = codec.decode(codec.encode(message))
    assert decoded == message
    assert type(decoded) is cls


def test_every_message_is_frozen_and_in_one_table():
    assert not set(SERVER_CODEC.classes) & set(WORKER_CODEC.classes)
    for _, cls in EACH:
        assert cls.__dataclass_params__.frozen, cls
        assert cls.__slots__ is not None


def test_a_message_of_the_other_table_is_unknown():
    with pytest.raises(ValueError, match="unknown message 'Drain'"):
        SERVER_CODEC.decode(WORKER_CODEC.encode(Drain()))
    with pytest.raises(ValueError, match="unknown message 'Drain'"):
        SERVER_CODEC.encode(Drain())


def test_a_channel_that_there_is_not_is_refused():
    packet = WORKER_CODEC.encode(OpenRing(1, 2, "external")).replace(b"external", b"sideways")
    with pytest.raises(ValueError, match="not a valid OpenRing: channel"):
        WORKER_CODEC.decode(packet)
    assert Channel.__args__ == ("external", "internal")


def test_a_field_too_few_is_refused():
    packet = WORKER_CODEC.encode(RingClosed(1, 2)).replace(b',"lease":2', b"")
    with pytest.raises(ValueError, match="lease"):
        WORKER_CODEC.decode(packet)


def test_rules_that_exceed_a_packet_are_refused_by_size():
    with pytest.raises(ValueError, match=f"Prepare of .* bytes exceeds a packet .{MAX_PACKET_BYTES}."):
        SERVER_CODEC.encode(Prepare("{}", ("x" * MAX_PACKET_BYTES,), "info"))
