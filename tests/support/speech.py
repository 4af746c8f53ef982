"""For tests of audio and speech: rings in plain memory, the committed calls, and fakes whose script is the audio itself.

A scripted frame names its word in its first byte (0 is silence, REFUSED a frame that no VAD takes) and a confidence in
per cent in its second, so the same ring serves fake and real and nothing has to be kept in step by hand.
"""

import json
import wave
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from engine.audio.format import FRAME_BYTES
from engine.audio.ring import Frames, RingMemory, RingReader, RingWriter, ring_bytes, ring_memory
from engine.options import FRAME_MS, RuleOptions, SpeechOptions
from engine.options import Channel as ChannelName
from engine.speech.cadence import Cadence
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, Transcribed
from engine.speech.hearing import Hearing
from engine.speech.phrases import HeardWord, Hypothesis, PhraseSpotter, SpottingRule
from engine.speech.pipeline import Pipeline
from engine.speech.recognizer import Recognizer, RecognizerPool
from engine.speech.transcripts import Transcripts

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models/cueline-en-8k"
CALLS = ROOT / "engine/simulator/speech"
REFUSED = 255
VOCABULARY = ("", "transfer", "me", "merchandise", "cancel", "my", "order", "hello", "please")
OPTIONS = SpeechOptions(model_path=MODEL)


def new_ring(slots: int) -> RingMemory:
    """In memory of this process alone."""
    return ring_memory(memoryview(bytearray(ring_bytes(slots))), 0, slots)


@cache
def manifest() -> dict[str, Any]:
    """What is said when in the committed calls."""
    return json.loads((CALLS / "manifest.json").read_text())


@cache
def call_pcm(file: str) -> bytes:
    """The samples of a committed call."""
    with wave.open(str(CALLS / file)) as wav:
        return wav.readframes(wav.getnframes())


def frames(pcm: bytes) -> Frames:
    """The whole frames of it."""
    whole = len(pcm) // FRAME_BYTES
    return np.frombuffer(pcm, np.uint8, whole * FRAME_BYTES).reshape(whole, FRAME_BYTES)


def script(text: str, confidence: float = 1.0) -> bytes:
    """`"_*20 transfer*15 me*10 _*30"`: silence and words, each with its length in frames; `!` is a refused frame."""
    made = bytearray()
    for word, _, count in (token.partition("*") for token in text.split()):
        first = {"_": 0, "!": REFUSED}.get(word)
        first = VOCABULARY.index(word) if first is None else first
        made += (bytes((first, round(confidence * 100))) + bytes(FRAME_BYTES - 2)) * int(count or 1)
    return bytes(made)


class ScriptedVad:
    """Voiced where a word is."""

    def verdicts(self, frames: Frames) -> list[bool | None]:
        return [None if row[0] == REFUSED else bool(row[0]) for row in frames]


class ScriptedRecognizer:
    """Hears the words that the frames name. A partial knows a word from its first frame on."""

    def __init__(self) -> None:
        self._heard: list[tuple[int, int]] = []

    def accept(self, run: Frames) -> None:
        self._heard += [(int(row[0]), int(row[1])) for row in run]

    def partial(self) -> Hypothesis:
        return Hypothesis(tuple(HeardWord(word.text) for word in self._words()), is_final=False)

    def final(self) -> Hypothesis:
        words = self._words()
        self._heard = []
        return Hypothesis(words, is_final=True)

    def _words(self) -> tuple[HeardWord, ...]:
        words, end = [], 0
        for (number, confidence), group in groupby(self._heard):
            start, end = end, end + len(list(group))
            if 0 < number < REFUSED:
                words.append(HeardWord(VOCABULARY[number], end * FRAME_MS, confidence / 100, start * FRAME_MS))
        return tuple(words)


class FailingRecognizer(ScriptedRecognizer):
    """Raises at the first word called `please`."""

    def accept(self, run: Frames) -> None:
        if any(row[0] == VOCABULARY.index("please") for row in run):
            raise RuntimeError("decoder failed")
        super().accept(run)


def rule(*phrases: str, **settings: Any) -> RuleOptions:
    """A rule called after its first phrase unless told otherwise."""
    name = "-".join(phrases[0].split())
    return RuleOptions.model_validate({"name": name, "phrases": phrases} | settings)


def no_entry_point(name: str) -> Callable[[str], str | None]:
    """For rules without one."""
    raise AssertionError(name)


class Channel:
    """A ring, its writer and a pipeline of fakes on it; `events` gathers what was told."""

    def __init__(
        self,
        rules: Sequence[RuleOptions] = (),
        *,
        slots: int = 4096,
        keep: int = 0,
        memory: RingMemory | None = None,
        make: Callable[[], Recognizer] = ScriptedRecognizer,
        counters: Counters | None = None,
        fired_ms: Mapping[str, int] | None = None,
        cadence: Cadence = Cadence(chunk_ms=100),  # noqa: B008 (frozen)
        transcripts: Transcripts | None = None,
        **options: Any,
    ) -> None:
        self.memory = memory or new_ring(slots)
        self.writer = RingWriter(self.memory, keep)
        self.counters = counters or Counters()
        self.pool = RecognizerPool(make, 1000)
        self.events: list[SpeechEvent] = []
        spotter = PhraseSpotter([SpottingRule.of(each, no_entry_point) for each in rules], fired_ms)
        settings = OPTIONS.model_copy(update=options)
        self.pipeline = Pipeline(
            RingReader(self.memory), ScriptedVad(), spotter, self.pool, cadence, settings, self.counters, transcripts
        )

    def say(self, text: str, confidence: float = 1.0) -> int:
        """Write scripted frames, arriving one nanosecond after the other; return how many were lost."""
        return write(self.writer, script(text, confidence))

    def drain(self, limits: Iterable[int] = (), *, limit: int = 25) -> list[SpeechEvent]:
        """Drain to the head, by `limits` first."""
        self.events += drained(self.pipeline, limits, limit)
        return self.events

    def finish(self) -> list[SpeechEvent]:
        """Drain, and end the channel."""
        self.drain()
        self.events += self.pipeline.finish()
        self.pipeline.publish()
        return self.events


def write(writer: RingWriter, pcm: bytes) -> int:
    """Write frame by frame; the arrival time is the frame's number. Return how many were lost."""
    data = memoryview(pcm)
    starts = range(0, len(pcm) - len(pcm) % FRAME_BYTES, FRAME_BYTES)
    return sum(writer.write(data[at : at + FRAME_BYTES], writer.head) for at in starts)


def step(pipeline: Pipeline, limit: int) -> list[SpeechEvent]:
    """One drain, passed on."""
    events = pipeline.drain(limit)
    pipeline.publish()
    return events


def drained(pipeline: Pipeline, limits: Iterable[int] = (), limit: int = 25) -> list[SpeechEvent]:
    """All events up to the head, taking at most `limits`, then `limit` frames at once."""
    events, cuts = [], iter(limits)
    while pipeline.has_work:
        events += step(pipeline, next(cuts, limit))
    return events


def hear(
    hearing: Hearing,
    audio: Frames,
    *,
    channel: ChannelName = "external",
    limits: Iterable[int] = (),
    limit: int = 25,
    transcribe: bool = False,
) -> tuple[list[SpeechEvent], Counters]:
    """The whole audio through a channel of its own, to its end."""
    memory, counters = new_ring(len(audio) + 1), Counters()
    write(RingWriter(memory), audio.tobytes())
    pipeline = hearing.open(channel, RingReader(memory), counters, transcribe=transcribe)
    return drained(pipeline, limits, limit) + pipeline.finish(), counters


def transcripts_in(events: Iterable[SpeechEvent]) -> list[Transcribed]:
    """Only those."""
    return [event for event in events if isinstance(event, Transcribed)]


def phrases_in(events: Iterable[SpeechEvent]) -> list[PhraseSpotted]:
    """Only those."""
    return [event for event in events if isinstance(event, PhraseSpotted)]
