"""A channel's whole way in the worker, with the real VAD and the real Vosk: per frame of silence, per frame of speech.

One frame per drain is a shard that keeps up, three one that is busy, 25 (a worker's turn) one that catches up.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import filled_ring, slug
from bench.measuring import measure
from engine.audio.format import FRAME_BYTES, FRAME_S
from engine.audio.ring import RingReader
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent
from engine.speech.hearing import Hearing
from engine.speech.pipeline import Pipeline
from engine.stats import Cell

LIMITS = pytest.mark.parametrize("limit", [1, 3, 25], ids=["1 per drain", "3 per drain", "25 per drain"])
SILENT_FRAMES = 300


def drain_all(pipeline: Pipeline, counters: Counters, limit: int) -> tuple[list[SpeechEvent], Counters]:
    """Take all that the ring holds."""
    events: list[SpeechEvent] = []
    while pipeline.has_work:
        events += pipeline.drain(limit)
    return events, counters


def opened(hearing: Hearing, samples: bytes, limit: int) -> tuple[Pipeline, Counters, int]:
    """A fresh channel with all its audio waiting."""
    counters = Counters()
    return hearing.open("external", RingReader(filled_ring(samples)), counters), counters, limit


@LIMITS
def test_drain_silence(benchmark: BenchmarkFixture, hearing: Hearing, limit: int) -> None:
    """A frame of which the gate keeps the recognizer free."""
    samples = bytes(SILENT_FRAMES * FRAME_BYTES)
    events, counters = measure(
        benchmark, drain_all, lambda: opened(hearing, samples, limit), operations=SILENT_FRAMES, rounds=50
    )
    assert events == []
    assert counters.cells[Cell.UNVOICED_S] == pytest.approx(SILENT_FRAMES * FRAME_S)


@LIMITS
def test_drain_speech(benchmark: BenchmarkFixture, hearing: Hearing, talk: bytes, limit: int) -> None:
    """A frame of nearly unbroken talk, decoding and spotting included."""
    events, counters = measure(
        benchmark, drain_all, lambda: opened(hearing, talk, limit), operations=len(talk) // FRAME_BYTES, rounds=10
    )
    heard = [event.rule for event in events if isinstance(event, PhraseSpotted)]
    assert heard == [slug("cancel my order"), slug("transfer me")]
    assert counters.cells[Cell.FRAMES] == len(talk) // FRAME_BYTES
