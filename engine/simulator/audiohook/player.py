"""The clock of one call and what is due on it: pieces of its audio, with what becomes of each. Pure; the time is passed in.

Once begun the clock goes on whoever listens. A message is due when its last sample has been "spoken". Places are samples per
channel, over all rounds; moments are nanoseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from engine.simulator.audiohook.options import NS_PER_SAMPLE, SAMPLE_RATE, HookOptions
from engine.simulator.audiohook.recordings import Track
from engine.simulator.options import Said

Skip = Literal["pause", "discard"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio that is due: finished frames that hold samples `start` to `end`, and why they are not to be sent, if so."""

    frames: tuple[bytes, ...]
    start: int
    end: int
    skip: Skip | None


class Player:
    """Play a call's track."""

    def __init__(self, options: HookOptions, track: Track) -> None:
        self.track = track
        self.started_ns: int | None = None
        self._options = options
        self._next = 0  # message
        self._gaps = [(_samples(gap.at_s), _samples(gap.at_s + gap.for_s), gap.paused) for gap in options.gaps]
        self._left_out: list[tuple[int, int, bool]] = []  # besides these

    def begin(self, at_ns: int) -> None:
        """Sample 0 is at this moment; later calls change nothing."""
        if self.started_ns is None:
            self.started_ns = at_ns

    def turn(self, track: Track, sample: int) -> None:
        """Go on with this track, which is of the same length, from the message that holds this sample."""
        self.track, self._next = track, track.index_at(sample)

    def position(self, now_ns: int) -> int:
        """How far the call has come; 0 before it began."""
        if self.started_ns is None:
            return 0
        passed = max(0, int((now_ns - self.started_ns) * self._options.speed)) // NS_PER_SAMPLE
        return passed if self._options.loop else min(passed, self.track.samples)

    def message_start(self, sample: int) -> int:
        """Where the message that holds this sample starts."""
        return self.track.start_of(self.track.index_at(sample))

    @property
    def finished(self) -> bool:
        """Every message of every round has been due."""
        return not self._options.loop and self._next >= len(self.track.frames)

    @property
    def due_ns(self) -> int:
        """When the next message is."""
        assert self.started_ns is not None, "nothing is due before the beginning"
        return self.started_ns + int(self.track.end_of(self._next) * NS_PER_SAMPLE / self._options.speed)

    def take(self, now_ns: int) -> Iterator[Piece]:
        """What has become due, each message once; several go together in as few as are allowed."""
        first, position = self._next, self.position(now_ns)
        while not self.finished and self.track.end_of(self._next) <= position:
            self._next += 1
        return self._pieces(first, self._next)

    def _pieces(self, first: int, after: int) -> Iterator[Piece]:
        track = self.track
        for skip, group in groupby(range(first, after), lambda index: self._skip(track.start_of(index))):
            indices = list(group)
            begin, last = indices[0], indices[-1]
            frames = (track.frame(begin),) if begin == last else tuple(track.large(begin, last + 1))
            yield Piece(frames, track.start_of(begin), track.end_of(last), skip)

    def _skip(self, start: int) -> Skip | None:
        for begin, end, paused in (*self._gaps, *self._left_out):
            if begin <= start < end:
                return "pause" if paused else "discard"
        return None

    def leave_out(self, seconds: float, now_ns: int, *, paused: bool) -> None:
        """Throw so much away from now on. `plays` knows nothing of it."""
        begin = self.position(now_ns)
        self._left_out.append((begin, begin + _samples(seconds), paused))

    def plays(self, said: Said) -> bool:
        """Whether nothing of the phrase lies in a gap (of the first round)."""
        begin, end = said.start_ms * SAMPLE_RATE // 1000, said.end_ms * SAMPLE_RATE // 1000
        return not any(begin < gap_end and gap_begin < end for gap_begin, gap_end, _ in self._gaps)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
