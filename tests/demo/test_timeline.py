"""The live view on consoles of several sizes."""

import io

import pytest
from rich.console import Console

from engine.demo.figures import Reading
from engine.demo.scene import Scene
from engine.demo.timeline import Marks, bar, clock, delay, place, timeline
from tests.support.demo import MS, call, delivery, pair

TALK = call("a", ("transfer me", 2000), ("stop recording", 5000), ("cancel my order", 9000))


def drawn(scene: Scene, width: int = 140, height: int = 50) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(timeline(scene, width, height))
    return console.file.getvalue().splitlines()


def scene(calls, deliveries=(), now_ms=6000, **reading) -> Scene:
    return Scene.of(tuple(calls), tuple(deliveries), Reading(**reading), now_ms * MS)


@pytest.mark.parametrize(
    ("now_ms", "line"),
    [
        (0, "──○──○───○"),
        (2500, "━━◐──○───○"),
        (5100, "━━✗━━◐───○"),
        (10_000, "━━✗━━✗━━━◐"),
        (13_000, "━━✗━━✗━━━✗"),
    ],
)
def test_a_call_that_nobody_hears(now_ms, line):
    assert bar(TALK, Marks(), now_ms * MS, 10, 10_000).plain == line


def test_heard_and_false_stand_at_their_places():
    [line] = [line for line in drawn(scene([TALK], [delivery(end_ms=2100), delivery(end_ms=7000)])) if "call-a" in line]
    bars = line.split()[1]
    assert len(bars) == 74
    assert [(index * 10 // 74, sign) for index, sign in enumerate(bars) if sign not in "━─"] == [
        (1, "●"),
        (5, "◐"),
        (6, "▲"),
        (8, "○"),
    ]
    assert "transfer me" in line
    assert "3,300 ms" in line


def test_bars_have_one_scale():
    short, long = call("a", ms=5000), call("b", ms=10_000)
    assert [len(bar(each, Marks(), 0, 40, 10_000).plain) for each in (short, long)] == [20, 40]


def test_the_sums():
    text = "\n".join(drawn(scene([TALK, call("b")], [delivery(end_ms=2100)], audio_s=61.2, dropped=7)))
    for part in (
        "2 calls live",
        "1:01 of audio heard",
        "1 of 2 phrases heard",
        "0 missed",
        "0 false",
        "7 frames dropped",
    ):
        assert part in text
    assert "median 3,300 ms" in text


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 50), (60, 12), (30, 5)])
def test_it_fits(width, height):
    calls = [call(f"{number:02}", ("transfer me", 2000)) for number in range(60)]
    lines = drawn(scene(calls), width, height)
    assert len(lines) <= max(height, 12)
    assert any("more calls" in line for line in lines)


def test_before_anything_is_known():
    assert any("0 calls live" in line for line in drawn(scene([])))


def test_times():
    assert [clock(ms) for ms in (0, 59_999, 60_000, 605_000)] == ["0:00", "0:59", "1:00", "10:05"]
    assert [place(ms) for ms in (0, 6125, 12_962, 59_960)] == ["00:00.0", "00:06.1", "00:13.0", "01:00.0"]
    assert [delay(ms) for ms in (0.4, 1234.5, -20.2)] == ["0 ms", "1,234 ms", "−20 ms"]


def test_customer_and_agent_have_a_line_each():
    talk = pair("a", ("transfer me", 2000, "external"), ("stop recording", 4000, "internal"))
    deliveries = [delivery(end_ms=2100), delivery("stop recording", 4100, channel="internal", received_ms=4300)]
    [above] = [line for line in drawn(scene([talk, call("b")], deliveries)) if "external" in line and "call-a" in line]
    [below] = [line for line in drawn(scene([talk, call("b")], deliveries)) if "internal" in line]
    assert ("transfer me" in above, "stop recording" in above, above.count("●")) == (True, False, 1)
    assert ("transfer me" in below, "stop recording" in below, below.count("●")) == (False, True, 1)
    assert "call-a" not in below


def test_a_phrase_on_the_wrong_channel_is_missed_on_the_one_and_false_on_the_other():
    talk = pair("a", ("transfer me", 2000, "external"))
    lines = drawn(scene([talk], [delivery(end_ms=2100, channel="internal")], now_ms=9000))
    assert ["✗" in line for line in lines if "call-a" in line] == [True]
    assert ["▲" in line for line in lines if "internal" in line] == [True]
