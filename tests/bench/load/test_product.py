"""What the load generator is told for each source; measurements themselves are made by `make bench-capacity`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.load.capacity import Capacity
from bench.load.cli import bench
from bench.load.point import Point, Ranks
from bench.load.product import HELD_BACK_MS, ProductOptions, name_of
from bench.load.views import criterion, document, verdict
from engine.demo.scene import Machine
from engine.demo.sessions import Sessions, Spread
from engine.simulator.audiohook import HookOptions

SPEECH = Path("/speech")


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


def test_calls_of_either_source_begin_within_six_seconds_and_never_end():
    ours = ProductOptions(SPEECH).simulator(200)
    theirs = ProductOptions(SPEECH, source="audiohook", speech_share=0.1).simulator(200)
    assert (ours[:2], theirs[:2]) == (["simulate", "--port"], ["simulate", "audiohook"])
    assert "--loop" in ours
    assert "--loop" in theirs
    assert option(ours, "--stagger-ms") == "30"
    assert float(option(theirs, "--rate")) == pytest.approx(200 / 6, abs=0.001)
    assert (option(theirs, "--calls"), option(theirs, "--speech-share")) == ("200", "0.1")
    assert float(option(ProductOptions(SPEECH, source="audiohook").simulator(1), "--rate")) == 1


def test_the_report_says_which_it_was():
    assert name_of("realtime") == "Cueline"
    assert "AudioHook" in name_of("audiohook")


def test_what_the_sender_holds_back_stands_in_the_criterion():
    held_back_ms = HELD_BACK_MS["audiohook"]
    assert held_back_ms == HookOptions(url="ws://x/").message_ms - 20
    point = Point(20, 10.0, 50, 50, 0, 1000, 0, Ranks(), Ranks(1.0, 570.0, 600.0), held_back_ms=held_back_ms)
    found = Capacity("Cueline", [point], settled=True)
    said = "spot latency p95 ≤ 580 ms (500 and the 80 that the sender's long messages hold back), 98 %"
    assert said in verdict(found, Machine(2, "Some CPU"))[-1]
    assert said in document(found, Machine(2, "Some CPU"))["criterion"]
    assert "spot latency p95 ≤ 500 ms, 98 %" in criterion(())


def test_what_the_simulated_genesys_saw_is_told_and_counts():
    sessions = Sessions(
        opened=20,
        lost=0,
        given_up=0,
        retries=0,
        opened_ms=Spread(count=20, p50=1.0, p99=9.0, p999=12.0),
        ping_ms=Spread(count=60, p50=1.0, p99=3.0, p999=4.0),
        unsolicited={},
        server_faults={},
    )
    point = Point(20, 10.0, 5, 5, 0, 1000, 0, Ranks(), Ranks(), {"intake": 0.1}, 0.1, sessions=sessions)
    lines = verdict(Capacity("Cueline", [point], settled=True), Machine(2, "Some CPU"))
    assert any("20 sessions opened, p99.9 12 ms; 60 pings, p99 3 ms; 0 sessions lost." in line for line in lines)
    assert point.report()["sessions"]["ping_ms"]["p99"] == 3.0
    late = sessions.model_copy(update={"lost": 1, "ping_ms": Spread(count=60, p99=250.0)})
    broken = Point(20, 10.0, 5, 5, 0, 1000, 0, Ranks(), Ranks(), sessions=late).broken
    assert broken == ("1 sessions lost", "ping p99 250 > 200 ms")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["capacity", "--source", "telephone"], "--source"),
        (["capacity", "--speech-share", "0.1"], "works with --source audiohook only"),
        (["capacity", "--source", "audiohook", "--speech-share", "2"], "--speech-share"),
    ],
)
def test_wrong_input_is_said_before_anything_starts(words, says):
    done = CliRunner().invoke(bench, words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())
