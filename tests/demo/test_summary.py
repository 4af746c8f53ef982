"""The summary as text."""

import io

import pytest
from rich.console import Console

from engine.demo.scene import Result
from engine.demo.sessions import Sessions, Spread
from engine.demo.summary import ROWS_MOST, SLOWEST, summary
from tests.support.demo import call, delivery, pair, result

SESSIONS = Sessions(
    opened=9,
    lost=0,
    given_up=0,
    retries=0,
    opened_ms=Spread(count=9, p50=3.0, p99=11.0, p999=12.0),
    ping_ms=Spread(count=27, p50=1.0, p99=3.0, p999=4.0),
    unsolicited={},
    server_faults={},
)


def printed(ended: Result, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(summary(ended, width))
    return console.file.getvalue()


def rows(text: str, word: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if word in line]


def test_each_phrase_has_its_row():
    calls = (call("a", ("transfer me", 5000), ("stop recording", 8000)),)
    text = printed(result(calls, (delivery(), delivery("stop recording", 8010, received_ms=8400)), frames=500))
    assert rows(text, "transfer me")[0][:6] == ["call-a", "transfer", "me", "00:05.0", "300", "ms"]
    assert rows(text, "✓ signed")[1][:5] == ["stop", "recording", "00:08.0", "400", "ms"]  # the call is named once
    assert "a/external/stop-recording/8010" in text
    assert "All 2 phrases in 1 call were heard, and nothing else." in text
    assert "500 heard, 0 dropped" in text
    assert "2 cores, Some CPU" in text
    assert "exact" in text
    assert "interpolated" in text
    assert "reconnects" not in text


def test_what_went_wrong_is_listed_and_explained():
    calls = (call("a", ("transfer me", 5000), ("stop recording", 8000)),)
    deliveries = (delivery("stop recording", 8000, signature_ok=False), delivery("cancel my order", 2000))
    ended = result(calls, deliveries, reconnects=2, complaints=("error: worker died",))
    text = printed(ended)
    assert [row[-2:] for row in rows(text, "transfer me  ")] == [["missed", "–"]]
    assert "signature wrong" in text
    assert rows(text, "not said")[0][:3] == ["call-a", "cancel", "my"]
    assert "at 00:02.0" in text
    assert rows(text, "reconnects")[0] == ["reconnects", "2"]
    assert "engine: error: worker died" in text
    joined = " ".join(text.split())
    for problem in ended.problems:
        assert problem in joined


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_long_conversation_id_gives_way(width):
    conversation = "b157c055-0000-5000-8000-000000000000"
    played = call(conversation, ("transfer me", 5000)).model_copy(update={"name": "call-01"})
    text = printed(result((played,), (delivery(conversation=conversation),)), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "300 ms" in text
    assert conversation not in text


def test_of_very_many_phrases_only_the_slowest_are_listed():
    numbers = range(ROWS_MOST + 1)
    calls = tuple(call(f"{number:03}", ("transfer me", 5000)) for number in numbers)
    deliveries = tuple(delivery(conversation=f"{number:03}", received_ms=5100 + number) for number in numbers)
    text = printed(result(calls, deliveries))
    assert len(rows(text, "✓ signed")) == SLOWEST
    assert f"{100 + ROWS_MOST} ms" in text
    assert "--report" in text


def test_of_two_channels_each_phrase_says_which():
    talk = pair("a", ("transfer me", 5000, "external"), ("stop recording", 8000, "internal"))
    heard = (delivery(), delivery("stop recording", 8010, received_ms=8400, channel="internal"))
    text = printed(result((talk,), heard, sessions=SESSIONS))
    assert rows(text, "transfer me")[0][:4] == ["call-a+agent-a", "external", "transfer", "me"]
    assert rows(text, "stop recording")[0][:3] == ["internal", "stop", "recording"]
    assert "Customer and agent were told apart." in text
    assert "9 opened within 12 ms, 27 pings within 3 ms" in text
    missed = printed(result((talk,), heard[:1], sessions=SESSIONS))
    assert "cueline listen /speech/agent-a.wav" in " ".join(missed.split())


def test_what_the_simulated_genesys_complains_of_is_a_problem():
    worse = SESSIONS.model_copy(update={"lost": 2, "unsolicited": {"event": 1}})
    ended = result((call("a", ("transfer me", 5000)),), (delivery(),), sessions=worse)
    assert ended.problems == (
        "AudioHook: 2 sessions lost.",
        "AudioHook: 1 messages `event` that nobody asked for.",
    )
