import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ProtocolError
from engine.genesys.realtime import (
    MAX_MESSAGE_BYTES,
    MAX_TEXT_CHARACTERS,
    MAX_UNREADABLE,
    NO_ANSWER,
    TRANSITIONS,
    AudioReceived,
    Connected,
    Dropped,
    Ended,
    Ignored,
    RealtimeSession,
    Rejected,
    State,
    Subscribed,
)
from engine.genesys.realtime_messages import Kind

TOKEN = "bearer-0123456789"


def message(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields})


def audio(chunk: bytes) -> str:
    return message("audio", audio=base64.b64encode(chunk).decode())


def session(state: State = State.CONNECTING) -> RealtimeSession:
    """A session that was brought into a state by the peer's messages."""
    made = RealtimeSession("conv-1", TOKEN)
    made.data_to_send()
    if state is not State.CONNECTING:
        made.receive(message("connected"))
        made.data_to_send()
    if state is State.LISTENING:
        made.receive(message("subscribed"))
    if state is State.CLOSED:
        made.receive(message("conversation.ended"))
    assert made.state is state
    return made


def test_says_what_the_specification_says():
    talk = RealtimeSession("conv-1", TOKEN)
    assert [json.loads(text) for text in talk.data_to_send()] == [
        {"type": "connect", "apiVersion": "v2", "token": TOKEN}
    ]
    assert talk.data_to_send() == []
    assert talk.receive(message("connected", version="2")) == (Connected(),)
    assert [json.loads(text) for text in talk.data_to_send()] == [
        {
            "type": "subscribe",
            "id": "voice-stream-1",
            "request": {
                "type": "conversation",
                "conversationId": "conv-1",
                "mediaType": "voice",
                "audio": {"format": "pcm", "sampleRate": 8000},
            },
        }
    ]
    assert talk.data_to_send() == []


@pytest.mark.parametrize("size", [0, 1, 319, 320, 321, 10_000])
@pytest.mark.parametrize("encode", [str, str.encode], ids=["text", "binary"])
def test_audio_of_any_size_as_text_or_binary(size, encode):
    chunk = bytes(index % 256 for index in range(size))
    assert session(State.LISTENING).receive(encode(audio(chunk))) == (AudioReceived(chunk),)


def test_first_audio_counts_as_acknowledgement():
    talk = session(State.SUBSCRIBING)
    assert talk.receive(audio(b"ab")) == (Subscribed(), AudioReceived(b"ab"))
    assert talk.receive(audio(b"cd")) == (AudioReceived(b"cd"),)


def test_type_may_be_written_in_other_cases():
    assert session(State.LISTENING).receive(message("Audio", audio="YWI=")) == (AudioReceived(b"ab"),)


def test_acknowledgement_is_heard_once():
    talk = session(State.SUBSCRIBING)
    assert talk.receive(message("subscribed")) == (Subscribed(),)
    assert talk.receive(message("subscribed")) == ()


def test_silence_after_subscribing_is_a_call_on_hold():
    talk = session(State.SUBSCRIBING)
    assert talk.wait_over() == (Subscribed(),)
    assert talk.state is State.LISTENING


def test_connected_that_never_comes_is_a_rejection():
    talk = session()
    assert talk.wait_over() == (Rejected("connect", NO_ANSWER, "no answer in time", None),)
    assert talk.state is State.CLOSED


def test_waiting_has_no_end_while_listening():
    with pytest.raises(ProtocolError, match="TIMEOUT is not allowed while LISTENING"):
        session(State.LISTENING).wait_over()


@pytest.mark.parametrize("kind", ["7", "null", '{"audio":1}', "[" * 1000 + "]" * 1000])
def test_a_first_answer_whose_type_is_no_text(kind):
    talk = session()
    assert talk.receive(f'{{"type":{kind}}}') == (
        Rejected("connect", 0, "answered with a message without a type", None),
    )


@pytest.mark.parametrize("kind", ["welcome", "audio", "subscribed"])
def test_anything_but_connected_is_a_rejection_of_connect(kind):
    talk = session()
    assert talk.receive(message(kind)) == (Rejected("connect", 0, f"answered with '{kind}'", None),)
    assert talk.state is State.CLOSED


@pytest.mark.parametrize(
    ("state", "step"),
    [(State.CONNECTING, "connect"), (State.SUBSCRIBING, "subscribe"), (State.LISTENING, "listen")],
)
def test_a_rejection_names_its_step(state, step):
    talk = session(state)
    told = talk.receive(message("error", status=429, message="slow down", retryAfter=3))
    assert told == (Rejected(step, 429, "slow down", 3.0),)
    assert talk.state is State.CLOSED


@pytest.mark.parametrize("state", [State.CONNECTING, State.SUBSCRIBING, State.LISTENING])
def test_an_end_ends(state):
    talk = session(state)
    assert talk.receive(message("conversation.ended", conversationId="conv-1")) == (Ended("conversation.ended"),)
    assert talk.state is State.CLOSED


def test_the_end_of_another_conversation_is_not_ours():
    talk = session(State.LISTENING)
    assert talk.receive(message("conversation.ended", conversationId="conv-2")) == (Ignored("unknown_type"),)
    assert talk.state is State.LISTENING


@pytest.mark.parametrize("state", [State.SUBSCRIBING, State.LISTENING])
def test_unknown_types_and_a_second_connected_are_left_out(state):
    talk = session(state)
    assert talk.receive(message("weather", rain=True)) == (Ignored("unknown_type"),)
    assert talk.receive(message("connected")) == (Ignored("unexpected"),)
    assert talk.data_to_send() == []
    assert talk.state is state


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("{", "malformed_json"),
        ("", "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
        ("[1]", "malformed_json"),
        ('"audio"', "malformed_json"),
        (message("audio"), "bad_audio"),
        (message("audio", audio=None), "bad_audio"),
        (message("audio", audio=7), "bad_audio"),
        (message("audio", audio="a"), "bad_audio"),
        (message("audio", audio="AAA"), "bad_audio"),
        (message("audio", audio="AA!A"), "bad_audio"),
        (message("audio", audio="ÄÄÄÄ"), "bad_audio"),
        (" " * (MAX_MESSAGE_BYTES + 1), "too_large"),
    ],
)
def test_what_cannot_be_read_is_left_out(data, reason):
    talk = session(State.LISTENING)
    assert talk.receive(data) == (Ignored(reason),)
    assert talk.state is State.LISTENING
    assert talk.receive(audio(b"on")) == (AudioReceived(b"on"),)


def test_a_message_of_exactly_the_limit_is_read():
    text = message("weather")
    assert session(State.LISTENING).receive(text + " " * (MAX_MESSAGE_BYTES - len(text))) == (Ignored("unknown_type"),)


def test_too_much_unreadable_in_a_row_ends_the_session():
    talk = session(State.LISTENING)
    for _ in range(MAX_UNREADABLE):
        assert talk.receive("{") == (Ignored("malformed_json"),)
    with pytest.raises(ProtocolError, match="malformed_json"):
        talk.receive("{")
    assert talk.state is State.CLOSED


@pytest.mark.parametrize("good", [audio(b"ab"), message("weather")])
def test_one_readable_message_breaks_the_row(good):
    talk = session(State.LISTENING)
    for _ in range(3):
        for _ in range(MAX_UNREADABLE):
            talk.receive("{")
        talk.receive(good)
    assert talk.state is State.LISTENING


@pytest.mark.parametrize(
    ("state", "code", "event"),
    [
        (State.CONNECTING, 1000, Dropped("bye")),
        (State.SUBSCRIBING, 1000, Ended("close 1000")),
        (State.LISTENING, 1000, Ended("close 1000")),
        (State.LISTENING, 1001, Dropped("bye")),
        (State.LISTENING, 1006, Dropped("bye")),
        (State.LISTENING, 1011, Dropped("bye")),
        (State.CONNECTING, 4401, Rejected("connect", 401, "bye", None)),
        (State.SUBSCRIBING, 4403, Rejected("subscribe", 403, "bye", None)),
        (State.LISTENING, 4429, Rejected("listen", 429, "bye", None)),
        (State.SUBSCRIBING, 1008, Rejected("subscribe", 403, "bye", None)),
    ],
)
def test_a_close_is_an_end_a_rejection_or_a_drop(state, code, event):
    talk = session(state)
    assert talk.closed(code, "bye") == (event,)
    assert talk.state is State.CLOSED


def test_a_close_without_a_reason_names_its_code():
    assert session(State.LISTENING).closed(1006, "") == (Dropped("answered with 'close 1006'"),)


@pytest.mark.parametrize("text", ["you sent bearer-0123456789\n!", "bearer-0123456789" * 50])
def test_an_echoed_token_is_never_passed_on(text):
    (told,) = session().receive(message("error", message=text))
    assert isinstance(told, Rejected)
    assert TOKEN not in told.message
    assert told.message.isprintable()
    assert len(told.message) <= MAX_TEXT_CHARACTERS


def test_an_empty_token_hides_nothing():
    (told,) = RealtimeSession("conv-1", "").receive(message("error", message="no token"))
    assert told == Rejected("connect", 401, "no token", None)


def test_after_the_end_nothing_is_taken():
    with pytest.raises(ProtocolError, match="AUDIO is not allowed while CLOSED"):
        session(State.CLOSED).receive(audio(b"ab"))


def test_the_law_leaves_no_live_state_without_an_answer():
    missing = {
        (state, kind)
        for state in (State.CONNECTING, State.SUBSCRIBING, State.LISTENING)
        for kind in Kind
        if (state, kind) not in TRANSITIONS
    }
    assert missing == {(State.LISTENING, Kind.TIMEOUT)}
    assert not any(state is State.CLOSED for state, _ in TRANSITIONS)


scalars = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False) | st.text(max_size=20)
words = st.sampled_from(
    ["connected", "audio", "error", "subscribed", "conversation.ended", "state", "weather", "disconnected", "Audio"]
)
objects = st.dictionaries(
    st.sampled_from(["status", "code", "message", "error", "response", "state", "conversationId", "audio", "id", "x"]),
    scalars | st.dictionaries(st.sampled_from(["status", "message", "retryAfter"]), scalars, max_size=3),
    max_size=4,
)
readable = st.builds(lambda kind, fields: json.dumps({**fields, "type": kind}), words | scalars, objects)
sequences = st.lists(readable | st.text(max_size=30) | st.binary(max_size=30) | st.just("{"), max_size=80)


@given(sequences)
def test_any_sequence_ends_in_a_legal_state_or_one_protocol_error(sequence):
    talk = RealtimeSession("conv-1", TOKEN)
    before = talk.state
    for data in sequence:
        try:
            talk.receive(data)
        except ProtocolError:
            assert talk.state is State.CLOSED
            return
        assert talk.state is before or any(TRANSITIONS.get((before, kind)) is talk.state for kind in Kind), (
            f"{before} to {talk.state}"
        )
        before = talk.state


@given(st.binary(max_size=4000), st.lists(st.integers(0, 4000), max_size=20))
def test_audio_comes_out_whole_however_it_was_cut(pcm, cuts):
    bounds = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    talk = session(State.LISTENING)
    events = [event for start, end in itertools.pairwise(bounds) for event in talk.receive(audio(pcm[start:end]))]
    assert b"".join(event.chunk for event in events) == pcm


@pytest.mark.parametrize("other", [{"id": "voice-stream-99"}, {"conversationId": "conv-2"}])
def test_audio_of_a_subscription_that_nobody_asked_for_is_left_out(other):
    talk = session(State.LISTENING)
    assert talk.receive(message("audio", audio="QUI=", **other)) == (Ignored("unexpected"),)
    assert talk.receive(audio(b"ours")) == (AudioReceived(b"ours"),)


@pytest.mark.parametrize(
    "ours", [{"id": "voice-stream-1"}, {"id": "msg-7"}, {"id": 7}, {"conversationId": "conv-1"}, {"n": 1}]
)
def test_audio_that_names_us_or_nobody_is_ours(ours):
    assert session(State.LISTENING).receive(message("audio", audio="QUI=", **ours)) == (AudioReceived(b"AB"),)
