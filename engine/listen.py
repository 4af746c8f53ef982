"""Listen to recordings as the engine listens to calls, but at full speed and in one process.

The same ring, gate, recognizer and rules as in a worker: what is heard here is heard there. Left is the customer
(`external`), right the agent (`internal`), mono the customer. Importing this module loads Vosk's library, so the
supervisor never does.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.audio.format import FRAME_BYTES, SAMPLE_BYTES, SAMPLE_RATE, frames_of
from engine.audio.framer import Framer
from engine.audio.ring import RingReader, RingWriter, ring_bytes, ring_memory
from engine.heard import ChannelHeard, FileHeard, Progress
from engine.intake.wav_reader import Recording, open_recording
from engine.options import Channel, RuleOptions, SpeechOptions
from engine.speech.counters import Counters
from engine.speech.events import PhraseSpotted, SpeechEvent, UtteranceEnded
from engine.speech.hearing import Hearing
from engine.speech.model import prepared_model
from engine.speech.pipeline import CUT_OVERLAP_FRAMES
from engine.speech.vosk_binding import VoskModel

CHANNELS: tuple[Channel, ...] = ("external", "internal")  # left, right
TURN_FRAMES = 50
_TURN_BYTES = TURN_FRAMES * FRAME_BYTES


class Listener:
    """A loaded model and the rules; listens to one recording after the other."""

    def __init__(self, speech: SpeechOptions, rules: Sequence[RuleOptions]) -> None:
        """ModelError, VocabularyError or ConfigError where the model or the rules can't be used."""
        with prepared_model(speech) as folder:
            self._hearing = Hearing(VoskModel(folder, shown_as=speech.model_path), speech, rules)
        lead_frames = frames_of(speech.onset_ms) + frames_of(speech.preroll_ms)
        self._history_frames = max(lead_frames, CUT_OVERLAP_FRAMES) + TURN_FRAMES

    def hear(self, path: Path, progress: Progress = lambda _heard_s, _total_s: None) -> FileHeard:
        """Listen from begin to end; AudioFileError where the recording can't be read."""
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        with open_recording(path) as recording, ExitStack() as stack:
            ears = [_Ear(channel, self._hearing, self._history_frames) for channel in CHANNELS[: recording.channels]]
            for ear in ears:
                stack.callback(ear.close)
            duration_s = _hear(recording, ears, progress)
            channels = tuple(ear.end() for ear in ears)
        return FileHeard(path, channels, duration_s, time.perf_counter() - begun_s, time.process_time() - begun_cpu_s)


def _hear(recording: Recording, ears: "Sequence[_Ear]", progress: Progress) -> float:
    """Let each ear hear its channel, in step; return the recording's length in seconds."""
    heard_bytes = 0
    for streams in recording.blocks():
        for ear, stream in zip(ears, streams, strict=True):
            ear.take(stream)
        heard_bytes += len(streams[0])
        progress(heard_bytes / (SAMPLE_RATE * SAMPLE_BYTES), recording.duration_s)
    return heard_bytes / (SAMPLE_RATE * SAMPLE_BYTES)


class _Verdicts(Counters):
    """Counters that remember each frame's verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.voiced = bytearray()

    def verdict(self, voiced: bool | None) -> None:
        """As Counters; called once for each frame, in order."""
        super().verdict(voiced)
        self.voiced.append(voiced is True)


class _Ear:
    """One channel of a recording on its way through a ring of its own."""

    def __init__(self, channel: Channel, hearing: Hearing, history_frames: int) -> None:
        slots = history_frames + 2 * TURN_FRAMES
        memory = ring_memory(memoryview(bytearray(ring_bytes(slots))), 0, slots)
        self._channel = channel
        self._framer = Framer(RingWriter(memory, keep=history_frames))
        self._reader = RingReader(memory)
        self._verdicts = _Verdicts()
        self._pipeline = hearing.open(channel, RingReader(memory), self._verdicts)
        self._events: list[SpeechEvent] = []
        self._extremes: list[NDArray[np.int16]] = []

    def take(self, samples: bytes) -> None:
        """Hear more of the channel, a turn at a time."""
        for start in range(0, len(samples), _TURN_BYTES):
            self._turn(samples[start : start + _TURN_BYTES])

    def end(self) -> ChannelHeard:
        """The channel is over; a last frame that is not whole is filled with silence."""
        self._turn(bytes(FRAME_BYTES - 1))
        self._events += self._pipeline.finish()
        return ChannelHeard(
            channel=self._channel,
            spotted=tuple(event for event in self._events if isinstance(event, PhraseSpotted)),
            utterances=tuple(event for event in self._events if isinstance(event, UtteranceEnded)),
            voiced=np.frombuffer(self._verdicts.voiced, np.bool_),
            extremes=np.concatenate([np.empty((0, 2), np.int16), *self._extremes]),
        )

    def close(self) -> None:
        """Give back what is held, also in mid-channel."""
        self._pipeline.abandon()

    def _turn(self, samples: bytes) -> None:
        before = self._reader.head
        lost = self._framer.push(samples, time.monotonic_ns())
        assert not lost  # a turn fits: the reader is never behind
        for run in self._reader.runs(before, self._reader.head):
            waves = run.view("<i2")
            self._extremes.append(np.stack((waves.min(axis=1), waves.max(axis=1)), axis=1))
        while self._pipeline.has_work:
            self._events += self._pipeline.drain(TURN_FRAMES)
            self._pipeline.publish()
