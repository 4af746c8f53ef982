"""Voice activity: a verdict for each frame, and what follows from it."""

from itertools import chain, repeat

from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import SPEECH, filled_ring
from bench.measuring import measure
from engine.audio.ring import Frames, RingReader
from engine.speech.endpointer import Bound, Endpointer, EndpointerOptions
from engine.speech.vad import WebrtcVad

TURN_FRAMES = 3


def test_vad_verdict(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """A frame of speech, three at a time as a busy worker finds them."""
    reader = RingReader(filled_ring(talk))
    frames = reader.head

    def judge_all(vad: WebrtcVad, runs: list[Frames]) -> int:
        return sum(flag is True for run in runs for flag in vad.verdicts(run))

    def setup() -> tuple[WebrtcVad, list[Frames]]:
        starts = range(0, frames, TURN_FRAMES)
        return WebrtcVad(SPEECH.vad_mode), [reader.runs(at, min(at + TURN_FRAMES, frames))[0] for at in starts]

    voiced = measure(benchmark, judge_all, setup, operations=frames, calibration="webrtcvad")
    assert frames // 2 < voiced < frames  # the call runs on, but begins with half a second of line noise


def test_endpointer_push(benchmark: BenchmarkFixture) -> None:
    """A verdict, among utterances of two seconds between pauses of one."""
    utterances = 20
    flags = list(chain.from_iterable([*repeat(True, 100), *repeat(False, 50)] for _ in range(utterances)))

    def push_all(endpointer: Endpointer) -> list[Bound]:
        return [endpointer.push(flag) for flag in flags]

    bounds = measure(benchmark, push_all, lambda: (Endpointer(EndpointerOptions.of(SPEECH)),), operations=len(flags))
    assert [bound for bound in bounds if bound is not Bound.NONE] == [Bound.START, Bound.END] * utterances
