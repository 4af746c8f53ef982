"""Whole pictures, as text: what stands in them, at any size, and that they never have more lines than the terminal."""

from io import StringIO

import pytest
from rich.console import Console

from engine.live_client import LiveEvent
from engine.top.board import Board
from engine.top.list_views import ORDERS
from engine.top.screen_views import Look, picture
from tests.support.live import AT, call, command, engine, phrase, sample, shard, state, tick

URL = "http://127.0.0.1:8080"


def shown(width: int, height: int, *events: tuple[str, dict], first: dict | None = None, **look: object) -> list[str]:
    """The screen's lines."""
    board = Board()
    for kind, data in [("state", first or state()), *events]:
        board.apply(LiveEvent(kind, data))
    return drawn(board, Look(URL, width, height, AT, **look))


def drawn(board: Board, look: Look) -> list[str]:
    console = Console(file=StringIO(), width=look.width, height=look.height, highlight=False)
    console.print(picture(board, look), end="")
    return console.file.getvalue().split("\n")


def test_a_small_terminal_has_it_all():
    lines = shown(80, 24)
    assert len(lines) == 24
    assert lines[0] == " Cueline 0.7.0  ● ready   up 1:02:05   http://127.0.0.1:8080"
    assert lines[1] == " hearing  2 calls, 1 speaking   p50 20 p99 20 ms behind   20 frames/s"
    assert lines[2] == " spotting 41 phrases, 20 in the last minute   p50 20 p95 20 ms of 500 allowed"
    assert lines[3] == " acting   40 delivered  0 failed  0 refused  1 unknown"
    assert lines[5] == " shard 0  ███░░░░░  34%  2 ch  41% left  queue 3  dropped 0  restarts 0  210 MB"
    text = "\n".join(lines)
    assert " b157c055  realtime       1:24    ●               –        1  listening" in text
    assert " 41d91d23  realtime       1:24    ·    ●          –        1  listening" in text
    assert "transfer me           b157c055  customer  0.98    312 ms  ✓ done" in text
    assert lines[-1] == " q ends   p pauses   s order: newest   words heard: not shown"


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (40, 10), (20, 5), (100, 30), (149, 34), (150, 50), (400, 100), (80, 11)]
)
@pytest.mark.parametrize("calls", [0, 1, 1000])
@pytest.mark.parametrize("text", [False, True])
def test_no_picture_is_larger_than_the_terminal(width, height, calls, text):
    first = state(
        calls=[call(f"call-{number:04}") for number in range(calls)],
        phrases=[phrase(number, text="well " * 40) for number in range(200)],
        shards=[shard(number) for number in range(16)],
        shows_text=text,
    )
    lines = shown(width, height, first=first)
    assert len(lines) == height
    assert all(len(each) <= width for each in lines)


def test_a_wide_one_has_calls_and_phrases_side_by_side():
    lines = shown(160, 50)
    assert any("call      from" in each and "phrase" in each and "command" in each for each in lines)
    assert any("listening" in each and "✓ done" in each for each in lines)


def test_what_was_heard_is_shown_only_where_the_engine_tells_it():
    words = "i have waited for an hour and would like you to transfer me"
    first = state(phrases=[phrase(1, "hook", text=words)])
    assert not any("transfer me" in each and "waited" in each for each in shown(160, 40, first=first))
    told = shown(160, 40, first=first | {"shows_text": True})
    assert any(each.endswith(words) for each in told)
    assert "words heard: shown" in told[-1]
    narrow = shown(110, 40, first=first | {"shows_text": True})
    assert any(each.endswith(("… would like you to transfer me", "you to transfer me")) for each in narrow)


def test_what_is_wrong_stands_out():
    first = state(
        engine=engine(
            status="not ready",
            conditions={"shards_up": False, "model_loaded": True},
            without_audio=1,
            outbox_pending=12,
            outbox_oldest_s=75.0,
            outbox_dead=3,
            sinks_failing=["hook"],
            loop_lag_ms=300.0,
            token_s=60.0,
            refused_total=4,
        ),
        shards=[shard(0, up=False, restarts=2), shard(1, dropped=70, utilization=0.97)],
        calls=[
            call("fine"),
            call("deaf", without_audio=True),
            call("late", channels=[{"channel": "external", "speaking": True, "late_ms": 1500}]),
            call("gaps", state="reconnecting", reconnects=2, gap_ms=2300),
        ],
        phrases=[phrase(1), phrase(2, "hook")],
    )
    lines = shown(
        140, 40, ("command", command(1, "hook", "failed")), ("command", command(2, "b", "unknown")), first=first
    )
    text = "\n".join(lines)
    for words in (
        "● not ready  shards up: no",
        "1 without audio",
        "12 waiting, 1:15 at most",
        "3 given up",
        "failing: hook",
        "loop lag 300 ms",
        "token ends in 1:00",
        "4 refused",
        "down   2 restarts",
        "dropped 70",
        "1,500 ms",
        "reconnecting, 2 reconnects, 2.3 s missing",
        "✗ failed",
        "? unknown",
    ):
        assert words in text, words
    assert next(each[1:5] for each in lines if "realtime" in each) == "deaf", "calls without audio come first"


def test_a_command_that_is_under_way():
    first = state(rules=[{"name": "transfer-me", "sinks": ["a", "b"]}, {"name": "mute", "sinks": []}], phrases=[])
    events = [
        ("phrase", phrase(1)),
        ("phrase", phrase(2)),
        ("command", command(2, "a")),
        ("phrase", phrase(3, rule="mute")),
    ]
    lines = [each for each in shown(80, 24, *events, first=first) if "transfer me" in each]
    assert [each.rpartition("ms")[2].strip() for each in lines] == ["no sink", "… 1 of 2", "… waits"]


def test_calls_are_ordered_as_asked():
    late = [{"channel": "external", "late_ms": 700}]
    first = state(
        calls=[
            call("old", begun=AT - 500),
            call("new", begun=AT - 5),
            call("late", begun=AT - 50, channels=late),
            call("busy", begun=AT - 60, phrases=9),
        ]
    )
    found = {}
    for order in ORDERS:
        lines = shown(80, 30, first=first, order=order)
        found[order] = [each.split()[0] for each in lines if "realtime" in each]
    assert found == {
        "newest": ["new", "late", "busy", "old"],
        "longest": ["old", "busy", "late", "new"],
        "latest heard": ["late", "new", "busy", "old"],
        "most phrases": ["busy", "new", "late", "old"],
    }


def test_what_there_is_no_room_for_is_counted():
    first = state(
        calls=[call(f"c{number}") for number in range(50)],
        shards=[shard(number, utilization=0.1 * number) for number in range(5)],
    )
    text = "\n".join(shown(80, 24, first=first))
    assert "… and 40 more" in text, "24 lines: 8 above, 1 below, 1 between, 2 headings, 1 phrase, 1 for this; 10 calls"
    assert "shard 4" in text, "the busiest"
    assert "… 4 more, 20% busy on average" in text


def test_without_a_connection():
    assert drawn(Board(), Look(URL, 80, 24, AT))[2] == f" connecting to {URL} …"
    waiting = drawn(Board(), Look(URL, 80, 24, AT, down="it is not reachable"))
    assert waiting[2:4] == [" it is not reachable", " It is tried again and again. q ends."]
    board = Board()
    board.apply(LiveEvent("state", state()))
    assert drawn(board, Look(URL, 80, 24, AT + 65, down="it is gone"))[-1] == " 1:05 old: it is gone"


def test_paused_and_without_keys():
    assert shown(80, 24, paused=7)[-1].startswith(" paused, 7 phrases since  q ends   p goes on")
    assert shown(80, 24, keys=False)[-1] == "   words heard: not shown"


def test_an_idle_engine():
    quiet = state(calls=[], phrases=[], engine=engine(calls=0, speaking=0, phrases_total=1), history={})
    lines = shown(80, 24, ("tick", tick(engine=quiet["engine"], sample=sample(None))), first=quiet)
    assert lines[1] == " hearing  0 calls, 0 speaking   p50 – p99 – behind   – frames/s"
    assert lines[2] == " spotting 1 phrase, – in the last minute   p50 – p95 – of 500 allowed"
    assert {" no calls", " none yet"} <= set(lines)
