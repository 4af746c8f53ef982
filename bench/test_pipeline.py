"""A channel's whole way in the worker, with the real VAD and the real Vosk: per frame of silence, per frame of speech.

One frame per drain is a shard that keeps up, three one that is busy, 25 (a worker's turn) one that catches up. Decoding
drowns all else in noise (its cost moves by half with what other processes do to the caches), so talk is also heard with a
recognizer that does nothing: what is left is ours.
"""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.audio import SPEECH, filled_ring, phrase_rules, slug
from bench.measuring import measure
from engine.audio.format import FRAME_BYTES, FRAME_S
from engine.audio.ring import Frames, RingReader
from engine.speech.cadence import Cadence
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceStarted
from engine.speech.hearing import Hearing
from engine.speech.intents import load_entry_point
from engine.speech.phrases import HeardWord, Hypothesis, PhraseSpotter, SpottingRule
from engine.speech.pipeline import Pipeline
from engine.speech.recognizer import RecognizerPool
from engine.speech.vad import WebrtcVad
from engine.stats import Cell

LIMITS = pytest.mark.parametrize("limit", [1, 3, 25], ids=["1 per drain", "3 per drain", "25 per drain"])
SILENT_FRAMES = 300


def drain_all(pipeline: Pipeline, counters: Counters, limit: int) -> tuple[list[SpeechEvent], Counters]:
    """Take all that the ring holds."""
    events: list[SpeechEvent] = []
    while pipeline.has_work:
        events += pipeline.drain(limit)
        pipeline.publish()
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
        benchmark, drain_all, lambda: opened(hearing, talk, limit), operations=len(talk) // FRAME_BYTES, rounds=8
    )
    heard = [event.rule for event in events if isinstance(event, PhraseSpotted)]
    assert heard == [slug("cancel my order"), slug("transfer me")]
    assert counters.cells[Cell.FRAMES] == len(talk) // FRAME_BYTES


class Parrot:
    """As a recognizer that costs nothing and always says the same."""

    said = tuple(map(HeardWord, ("i", "would", "like", "you", "to", "help", "me")))

    def __init__(self) -> None:
        self.frames = 0

    def accept(self, run: Frames) -> None:
        """Count."""
        self.frames += len(run)

    def partial(self) -> Hypothesis:
        """Talk without a phrase."""
        return Hypothesis(self.said, is_final=False)

    def final(self) -> Hypothesis:
        """The same."""
        return Hypothesis(self.said, is_final=True)


@LIMITS
def test_drain_speech_undecoded(benchmark: BenchmarkFixture, talk: bytes, phrases: list[str], limit: int) -> None:
    """A frame of the same talk, less the decoder."""
    rules = [SpottingRule.of(rule, load_entry_point) for rule in phrase_rules(phrases)]

    def setup() -> tuple[Pipeline, Counters, int]:
        counters, pool = Counters(), RecognizerPool(Parrot, 1000)
        vad, spotter = WebrtcVad(SPEECH.vad_mode), PhraseSpotter(rules)
        return (
            Pipeline(RingReader(filled_ring(talk)), vad, spotter, pool, Cadence(180), SPEECH, counters),
            counters,
            limit,
        )

    events, counters = measure(benchmark, drain_all, setup, operations=len(talk) // FRAME_BYTES, rounds=50)
    assert [event for event in events if isinstance(event, PhraseSpotted)] == []
    assert any(isinstance(event, UtteranceStarted) for event in events)
    assert counters.cells[Cell.FRAMES] == len(talk) // FRAME_BYTES
