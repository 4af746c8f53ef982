"""Turn voiced flags into utterance bounds. Knows no audio and no clock.

Onset: so many voiced frames in a row open. Hangover: so many unvoiced frames in a row close. START and END alternate;
silence for ever closes an open utterance within the hangover. All counts are frames.
"""

from dataclasses import dataclass
from enum import Enum, unique

from engine.audio.format import frames_of
from engine.options import SpeechOptions


@unique
class Bound(Enum):
    """What a frame did to the utterance."""

    NONE = 0
    START = 1
    END = 2


@dataclass(frozen=True, slots=True)
class EndpointerOptions:
    """Frames in a row that flip the state."""

    onset_frames: int
    hangover_frames: int

    @classmethod
    def of(cls, options: SpeechOptions) -> "EndpointerOptions":
        """From milliseconds, once."""
        return cls(frames_of(options.onset_ms), frames_of(options.hangover_ms))


class Endpointer:
    """One channel's gate."""

    def __init__(self, options: EndpointerOptions) -> None:
        self._options = options
        self._run = 0
        self.is_open = False

    def push(self, voiced: bool) -> Bound:
        """Count frames that disagree with the present state; enough of them in a row flip it."""
        if voiced is self.is_open:
            self._run = 0
            return Bound.NONE
        self._run += 1
        if self._run < (self._options.hangover_frames if self.is_open else self._options.onset_frames):
            return Bound.NONE
        self.is_open, self._run = not self.is_open, 0
        return Bound.START if self.is_open else Bound.END

    def open(self) -> None:
        """Open the gate from outside (an utterance that a predecessor had begun)."""
        self.is_open, self._run = True, 0

    def close(self) -> None:
        """Shut the gate from outside (a gap, the end of the channel)."""
        self.is_open, self._run = False, 0
