"""What came of listening to a recording: plain values for tables, JSON lines and pictures.

Positions are milliseconds from the recording's begin, one frame is 20 ms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.options import Channel
from engine.speech.events import PhraseSpotted, UtteranceEnded

Progress = Callable[[float, float | None], None]  # seconds heard, seconds in all where known


@dataclass(frozen=True, slots=True, eq=False)
class ChannelHeard:
    """One channel of a recording."""

    channel: Channel
    spotted: tuple[PhraseSpotted, ...]
    utterances: tuple[UtteranceEnded, ...]
    voiced: NDArray[np.bool_]  # (frames,)
    extremes: NDArray[np.int16]  # (frames, 2): lowest and highest sample

    @property
    def voiced_ratio(self) -> float:
        """Part of the frames in which somebody spoke."""
        return float(np.mean(self.voiced))


@dataclass(frozen=True, slots=True, eq=False)
class FileHeard:
    """One recording."""

    path: Path
    channels: tuple[ChannelHeard, ...]
    duration_s: float
    elapsed_s: float
    cpu_s: float

    @property
    def times_real_time(self) -> float:
        """Seconds of the recording heard in one second."""
        return self.duration_s / self.elapsed_s

    @property
    def rtf(self) -> float:
        """CPU time per channel's audio time."""
        return self.cpu_s / (self.duration_s * len(self.channels))
