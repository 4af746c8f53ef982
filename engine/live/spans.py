"""When a channel was spoken on, and where audio is missing: from what its ring's reader says at each look. Pure.

An utterance begins where the reader says it does. Its end is told by `safe`: the first frame still needed, which right after
an utterance is its end, and for the length of a pre-roll stays it. So looks that come as often as that see every end as it
was; a look that comes later sees it late, never early. Positions are milliseconds of the channel's audio, gaps counted in.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from engine.audio.ring import Gap
from engine.options import FRAME_MS, Channel

KEPT = 300  # utterances, and gaps, of a channel


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a ring's reader says."""

    utterance: int  # 1 + frame at which the open one began; 0 without
    safe: int  # first frame still needed
    gaps: Sequence[Gap] = ()  # crossed since the last look, as far as they are still told of
    gap_frames: int = 0  # what all gaps crossed have added to the position


class Track:
    """One channel of a call."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.speech: deque[tuple[int, int | None]] = deque(maxlen=KEPT)  # start and end, ms; without an end: open
        self.gaps: deque[tuple[int, int]] = deque(maxlen=KEPT)  # where, and how long, ms
        self._utterance = 0  # as in Bounds
        self._gap_frames = 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance is open."""
        return self._utterance > 0

    def position_ms(self, frames: int) -> int:
        """Where the audio is after so many frames of the ring."""
        return (frames + self._gap_frames) * FRAME_MS

    def look(self, now: Bounds) -> None:
        """What the reader says now."""
        news = now.utterance != self._utterance
        if news and self._utterance:
            start_ms, _ = self.speech[-1]
            end = min(now.safe, now.gaps[0].at) if now.gaps else now.safe
            self.speech[-1] = start_ms, max(start_ms, self.position_ms(end))
        for gap in now.gaps:
            if gap.frames:  # or it only ends what was being said
                self.gaps.append((self.position_ms(gap.at), gap.frames * FRAME_MS))
            self._gap_frames += gap.frames
        self._gap_frames = now.gap_frames
        if news and now.utterance:
            self.speech.append((self.position_ms(now.utterance - 1), None))
        self._utterance = now.utterance
