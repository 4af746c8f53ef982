"""When the network has something new to say. Pure.

The network computes a chunk of audio at a time, and a hypothesis changes only then: looking more often costs and shows
nothing, looking out of step shows words late. Chunk n of an utterance is computed once `lead_ms + n * chunk_ms` of audio
have been heard; the lead is what the network looks ahead, and no file of a model tells it. So it is found out: a recognizer
hears silence frame by frame, and the frames that cost it more than others are those that completed a chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.options import FRAME_MS

STEP_MS = 10  # between two feature vectors; chunks and leads are multiples of it
WINDOW_MS = 25  # audio that the first feature vector needs
CHUNK_STEPS_MAX = 300
LEAD_STEPS_MAX = 100
GUESSED_MS = 90  # measured: bench/README.md
HICCUP = 5
TIMES_DEARER = 10  # a frame that completes a chunk costs 100 times the others (bench/README.md)


@dataclass(frozen=True, slots=True)
class Cadence:
    """The default is for a recognizer about which nothing could be found out: a look every 100 ms."""

    chunk_ms: int = 100
    lead_ms: int = 0

    @property
    def lag_ms(self) -> int:
        """How long after a word's end it shows in a hypothesis, at the median: words are guessed before they are over."""
        return max(0, self.chunk_ms // 2 - GUESSED_MS)

    def next_look(self, heard: int) -> int:
        """Frames of an utterance, more than `heard`, after which its next chunk has been computed."""
        computed = max(0, (heard * FRAME_MS - self.lead_ms) // self.chunk_ms)
        return -(-(self.lead_ms + (computed + 1) * self.chunk_ms) // FRAME_MS)

    def looks(self, frames: int) -> list[int]:
        """All looks within so many frames."""
        found, look = [], self.next_look(0)
        while look <= frames:
            found.append(look)
            look = self.next_look(look)
        return found


def dear_frames(costs_s: Sequence[float]) -> list[int]:
    """Which frames (the first is 1) cost far more than most, and not far less than the dearest: those are hiccups."""
    dear_s = max(TIMES_DEARER * sorted(costs_s)[len(costs_s) // 2], max(costs_s) / HICCUP)
    return [frame for frame, cost_s in enumerate(costs_s, 1) if cost_s > dear_s]


def cadence_of(dear: Sequence[int], frames: int) -> Cadence | None:
    """The shortest chunk that explains exactly these among so many frames; None where none does, or one chunk says nothing."""
    if len(dear) < 2:
        return None
    longest = (dear[1] - dear[0] + 1) * FRAME_MS // STEP_MS
    for chunk in range(1, min(longest, CHUNK_STEPS_MAX) + 1):
        for lead in range(LEAD_STEPS_MAX + 1):
            cadence = Cadence(chunk * STEP_MS, (lead - 1) * STEP_MS + WINDOW_MS)
            if cadence.next_look(0) == dear[0] and cadence.looks(frames) == list(dear):
                return cadence
    return None
