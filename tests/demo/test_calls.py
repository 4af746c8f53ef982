"""The simulator's calls and what has been said in them."""

import json

import pytest

from engine.demo.calls import lanes, most_at_once, phrases_of, read_calls, recording_of, two_sided
from tests.support.demo import MS, call, pair


def entry(conversation: str, file: str = "call-01.wav", **more: object) -> dict:
    return {
        "conversation_id": conversation,
        "file": file,
        "started_at_ns": 7,
        "duration_ms": 900,
        "state": "live",
    } | more


def test_calls_are_read_and_told_apart():
    said = [{"phrase": "transfer me", "start_ms": 1, "end_ms": 2, "sentence": "please"}]
    body = json.dumps([entry("a", said=said), entry("b", "call-02.wav"), entry("c"), entry("d", started_at_ns=None)])
    calls = read_calls(body.encode())
    assert [each.name for each in calls] == ["call-01", "call-02", "call-01 #2", "call-01 #3"]
    assert [each.started_ns for each in calls] == [7, 7, 7, None]
    assert [(each.phrase, each.end_ms) for each in calls[0].said] == [("transfer me", 2)]


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"file": "a.wav"}]', b"[1]"])
def test_what_is_no_list_of_calls_is_refused(body):
    with pytest.raises(ValueError, match="validation error"):
        read_calls(body)


def test_a_position_stays_within_the_call():
    played = call(started_ms=1000, ms=500)
    assert [played.position_ms(ms * MS) for ms in (0, 1000, 1200, 9000)] == [0, 0, 200, 500]
    assert [played.live(ms * MS) for ms in (0, 1000, 1200, 1500)] == [False, False, True, False]
    assert call(started_ms=None).position_ms(9000 * MS) == 0


def test_a_phrase_is_said_when_its_end_is():
    calls = [call("a", ("stop recording", 5000), started_ms=100), call("b", ("transfer me", 3000), started_ms=2000)]
    assert [(each.call, each.phrase, each.ended_ns // MS) for each in phrases_of(calls)] == [
        ("call-b", "transfer me", 5000),
        ("call-a", "stop recording", 5100),
    ]


def test_nothing_is_said_in_a_call_that_has_not_begun():
    assert phrases_of([call("a", ("transfer me", 0), started_ms=None)]) == []


def test_calls_at_once():
    lives = [(0, 100), (50, 100), (100, 10), (150, 100), (None, 100)]
    calls = [call(str(n), started_ms=start, ms=length) for n, (start, length) in enumerate(lives)]
    assert (
        most_at_once(calls) == 2
    )  # at 100 the first has ended and the third begun; the fourth comes when the second goes
    assert most_at_once(calls[:1]) == 1
    assert most_at_once([]) == 0


def test_a_call_of_two_recordings_has_two_lanes():
    calls = [pair("a", ("transfer me", 3000, "internal"), ("stop recording", 5000, "external")), call("b")]
    assert [(each.conversation_id, channel) for each, channel in lanes(calls)] == [
        ("a", "external"),
        ("a", "internal"),
        ("b", "external"),
    ]
    assert [(each.phrase, each.channel) for each in phrases_of(calls)] == [
        ("transfer me", "internal"),
        ("stop recording", "external"),
    ]
    assert two_sided(calls)
    assert not two_sided(calls[1:])
    assert recording_of("call-01+call-02 #2", "external") == "call-01"
    assert recording_of("call-01+call-02 #2", "internal") == "call-02"
    assert recording_of("call-01 #2", "external") == "call-01"


def test_a_call_that_nobody_has_taken_yet_has_a_line_all_the_same():
    (waiting,) = read_calls(json.dumps([entry("a", "call-01+call-02.wav", state="waiting", channels=[])]).encode())
    assert (waiting.name, waiting.state) == ("call-01+call-02", "waiting")
    assert lanes([waiting]) == [(waiting, "external")]
