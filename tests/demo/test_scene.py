"""What counts, and what the verdict says of it."""

import pytest

from engine.demo.figures import Reading
from engine.demo.scene import Machine, Scene
from tests.support.demo import MS, call, delivery, result

GOOD = call("a", ("transfer me", 5000))


def problem_of(*calls, deliveries=(), **more) -> str:
    [sentence] = result(calls, tuple(deliveries), **more).problems
    return sentence


def test_all_was_well():
    ended = result((GOOD,), (delivery(),), frames=500)
    assert ended.problems == ()
    assert (ended.calls_at_once, ended.audio_ms) == (1, 10_000)
    assert ended.spot_latency_ms == [300.0, 300.0, 300.0]
    assert ended.frame_latency_ms == [None, None, None]


def test_frame_latency_is_in_milliseconds():
    buckets = ((0.1, 100.0), (float("inf"), 100.0))
    found = result((GOOD,), (), frame_latency=buckets).frame_latency_ms
    assert found == [pytest.approx(50.0), pytest.approx(95.0), pytest.approx(99.0)]


def test_a_phrase_not_heard():
    sentence = problem_of(GOOD)
    assert sentence.startswith("1 phrase of 1 not heard")
    assert sentence.endswith("cueline listen /speech/call-a.wav --phrase 'transfer me'")


def test_the_recording_of_a_repeated_call_is_named():
    again = GOOD.model_copy(update={"name": "call-a #2"})
    assert "/speech/call-a.wav" in problem_of(again)


def test_a_command_for_nothing():
    assert problem_of(GOOD, deliveries=[delivery(), delivery(end_ms=9000)]).startswith("1 command for nothing")


def test_a_wrong_signature():
    assert "no valid signature" in problem_of(GOOD, deliveries=[delivery(signature_ok=False)])


def test_something_unreadable():
    assert "could not be read as a command" in problem_of(GOOD, deliveries=[delivery()], unreadable=2)


def test_dropped_frames():
    sentence = problem_of(GOOD, deliveries=[delivery()], dropped=1200)
    assert sentence.startswith("1,200 frames dropped: this machine was too busy for 1 call at once")


def test_a_call_that_nobody_listened_to():
    waiting = call("b", ("transfer me", 5000), started_ms=None)
    assert problem_of(GOOD, waiting, deliveries=[delivery()]).startswith("1 call never began (call-b)")


def test_a_demo_in_which_nothing_was_said_shows_nothing():
    assert problem_of(call("a")).startswith("No phrase was said")


def test_several_problems_are_all_told_drops_first():
    ended = result((GOOD,), (delivery(end_ms=9000, signature_ok=False),), dropped=3)
    assert [sentence.split(" ", 2)[1] for sentence in ended.problems] == ["frames", "phrase", "command", "command"]
    assert all("dropped frames explain it" in sentence for sentence in ended.problems[1:3])


def test_what_was_said_at_the_very_end_need_not_be_heard():
    calls = (call("a", ("transfer me", 5000), ("stop recording", 8000), ("cancel my order", 9000)),)
    heard = (delivery(), delivery("cancel my order", 9000))
    assert [missed.phrase for missed in Scene.of(calls, heard, Reading(), 9500 * MS).score.missed] == ["stop recording"]
    spared = Scene.of(calls, heard, Reading(), 9500 * MS, 7000 * MS).score
    assert (len(spared.heard), spared.missed, spared.false) == (2, (), ())


def test_a_command_before_the_end_of_its_phrase_is_no_false_alarm():
    scene = Scene.of((GOOD,), (delivery(received_ms=4900),), Reading(), 4950 * MS)
    assert (scene.score.false, len(scene.score.heard)) == ((), 1)


def test_the_machine(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: AMD EPYC: Rome\nprocessor\t: 1\nmodel name\t: AMD EPYC: Rome\n")
    assert Machine.here(cpuinfo).cpu == "AMD EPYC: Rome"
    assert Machine.here(cpuinfo).cores >= 1
    assert Machine.here(tmp_path / "none").cpu != ""
