"""One recording through the shipped pipeline, frame by frame as on a live call, with its costs.

Nothing here decides anything: ring, gate, recognizer and rules are the engine's, opened as a worker opens them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.audio import new_ring
from engine.audio.format import FRAME_BYTES, FRAME_S
from engine.audio.framer import Framer
from engine.audio.ring import RingReader, RingWriter
from engine.options import RuleOptions, SpeechOptions
from engine.shards.feed import HISTORY_FRAMES
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceEnded
from engine.speech.hearing import Hearing
from engine.speech.model import prepared_model
from engine.speech.vad import Vad
from engine.speech.vosk_binding import VoskModel
from engine.stats import Cell

SLOTS = 256


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one recording, or of as much of it as the CPU limit allowed."""

    spotted: tuple[PhraseSpotted, ...]
    audio_s: float
    voiced_s: float
    utterance_s: float  # what the recognizer was given, pre-rolls and hangovers included
    decode_s: float  # CPU
    vad_s: float  # CPU
    whole: bool


def open_hearing(options: SpeechOptions, rules: Sequence[RuleOptions]) -> Hearing:
    """Load the model with these options."""
    with prepared_model(options) as folder:
        return Hearing(VoskModel(folder), options, rules)


def hear(hearing: Hearing, samples: bytes, cpu_limit_s: float = float("inf"), vad: Vad | None = None) -> Heard:
    """Hear a channel to its end, or until decoding it has taken so much CPU (looked at after each frame)."""
    memory, counters = new_ring(SLOTS), Counters()
    framer = Framer(RingWriter(memory, keep=HISTORY_FRAMES))
    pipeline = hearing.open("external", RingReader(memory), counters, vad)
    events: list[SpeechEvent] = []
    whole = True
    for start in range(0, len(samples), FRAME_BYTES):
        framer.push(samples[start : start + FRAME_BYTES], start)
        events += pipeline.drain(1)
        pipeline.publish()
        if counters.cells[Cell.DECODE_S] > cpu_limit_s:
            pipeline.abandon()
            whole = False
            break
    else:
        events += pipeline.finish()
    return _heard(events, counters, whole=whole)


def _heard(events: Sequence[SpeechEvent], counters: Counters, *, whole: bool) -> Heard:
    cells = counters.cells
    spans_ms = [event.end_ms - event.start_ms for event in events if isinstance(event, UtteranceEnded)]
    return Heard(
        spotted=tuple(event for event in events if isinstance(event, PhraseSpotted)),
        audio_s=float(cells[Cell.FRAMES]) * FRAME_S,
        voiced_s=float(cells[Cell.VOICED_S]),
        utterance_s=sum(spans_ms) / 1000,
        decode_s=float(cells[Cell.DECODE_S]),
        vad_s=float(cells[Cell.VAD_S]),
        whole=whole,
    )
