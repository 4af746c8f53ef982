"""A ring of frames that two processes share: one writes, one reads, neither waits.

Guarantees: a frame that the reader may still see is never overwritten; a full ring loses the newest frames and says how
many. Counts grow for ever, a frame's place is its count modulo slots. Each word of the header has exactly one writer:
`head` the RingWriter, all others the RingReader. Frames behind `tail` stay readable until overwritten; `keep` slots are
never used for new frames, so that a reader's pre-roll survives a full ring.
Knows no clocks, no shared memory: any buffer will do.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.audio.format import FRAME_BYTES

Frames: TypeAlias = NDArray[np.uint8]  # shape (n, FRAME_BYTES)
Words: TypeAlias = NDArray[np.int64]

HEADER_WORDS = 16  # two cache lines: the writer's and the reader's
GAP_PLACES = 3


class Word:
    """Index of each count in the header. Plain numbers: looking up with an enum's costs more than the count itself."""

    # the writer's
    HEAD: Final = 0  # frames written
    GAPS: Final = 1  # gaps marked
    GAP_FIRST: Final = 2  # GAP_PLACES pairs: the count before which audio is missing, and how many frames
    # the reader's
    TAIL: Final = 8  # frames consumed
    SAFE: Final = 9  # first frame still needed: start of the open utterance, or of the pre-roll
    UTTERANCE: Final = 10  # 1 + count at which the open utterance began; 0 when none is open
    GAPS_SEEN: Final = 11  # gaps consumed
    GAP_FRAMES: Final = 12  # frames that those gaps have added to the channel's position


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio is missing before frame `at`: so many frames."""

    at: int
    frames: int


@dataclass(frozen=True, slots=True)
class ReaderState:
    """All that a reader says of itself; what a replacement starts from."""

    tail: int
    safe: int
    utterance: int  # 1 + start of the open one, 0 without
    gaps_seen: int
    gap_frames: int


@dataclass(frozen=True, slots=True)
class RingMemory:
    """The views that make one ring."""

    header: Words  # (HEADER_WORDS,)
    arrivals_ns: Words  # (slots,), monotonic
    frames: Frames  # (slots, FRAME_BYTES)

    @property
    def slots(self) -> int:
        """Frames it can hold."""
        return len(self.frames)


def ring_bytes(slots: int) -> int:
    """Size of a ring in memory."""
    return HEADER_WORDS * 8 + slots * (8 + FRAME_BYTES)


def ring_memory(buffer: memoryview, offset: int, slots: int) -> RingMemory:
    """Lay a ring over `buffer` at `offset` (a multiple of 8). The views keep the buffer alive."""
    arrivals = offset + HEADER_WORDS * 8
    frames = arrivals + slots * 8
    return RingMemory(
        header=np.frombuffer(buffer, np.int64, HEADER_WORDS, offset),
        arrivals_ns=np.frombuffer(buffer, np.int64, slots, arrivals),
        frames=np.frombuffer(buffer, np.uint8, slots * FRAME_BYTES, frames).reshape(slots, FRAME_BYTES),
    )


class RingWriter:
    """The only writer of `head`."""

    def __init__(self, memory: RingMemory, keep: int = 0) -> None:
        self._header = memory.header.data  # gives and takes plain integers
        self._arrivals = memory.arrivals_ns
        self._frames = memory.frames
        self._slots = memory.slots
        self._room = memory.slots - keep

    @property
    def head(self) -> int:
        """Frames written so far."""
        return self._header[Word.HEAD]

    def write(self, data: memoryview, now_ns: int) -> int:
        """Write whole frames; return how many were lost because the ring was full. The caller counts them."""
        count = len(data) // FRAME_BYTES
        head = self._header[Word.HEAD]
        taken = min(count, self._room - (head - self._header[Word.TAIL]))
        start = head % self._slots
        first = min(taken, self._slots - start)
        self._place(start, data[: first * FRAME_BYTES], first, now_ns)
        if taken > first:
            self._place(0, data[first * FRAME_BYTES : taken * FRAME_BYTES], taken - first, now_ns)
        self._header[Word.HEAD] = head + taken  # published last: the reader never sees half a frame
        return count - taken

    def _place(self, start: int, data: memoryview, count: int, now_ns: int) -> None:
        if count == 1:
            self._frames[start] = np.frombuffer(data, np.uint8)
            self._arrivals[start] = now_ns
        elif count:
            self._frames[start : start + count] = np.frombuffer(data, np.uint8).reshape(count, FRAME_BYTES)
            self._arrivals[start : start + count] = now_ns

    def mark_gap(self, frames: int) -> None:
        """Say that so many frames are missing before the next one. Where the reader is GAP_PLACES behind, they add up."""
        gaps = self._header[Word.GAPS]
        full = gaps - self._header[Word.GAPS_SEEN] >= GAP_PLACES
        place = Word.GAP_FIRST + 2 * ((gaps - full) % GAP_PLACES)
        if full:
            self._header[place + 1] += frames
            return
        self._header[place] = self._header[Word.HEAD]
        self._header[place + 1] = frames
        self._header[Word.GAPS] = gaps + 1

    def clear(self) -> None:
        """Make the ring empty for a new channel; only while no reader has it."""
        for word in range(HEADER_WORDS):
            self._header[word] = 0


class RingReader:
    """The only writer of every word but `head`. Its views are valid until `publish` moves past them and the ring wraps."""

    def __init__(self, memory: RingMemory) -> None:
        self._header = memory.header.data  # gives and takes plain integers
        self._arrivals = memory.arrivals_ns
        self._frames = memory.frames
        self._slots = memory.slots

    @property
    def head(self) -> int:
        """Frames written so far."""
        return self._header[Word.HEAD]

    @property
    def tail(self) -> int:
        """Frames consumed, as was said last."""
        return self._header[Word.TAIL]

    @property
    def oldest(self) -> int:
        """The first frame that has not been overwritten."""
        return max(0, self.head - self._slots)

    def runs(self, start: int, stop: int) -> list[Frames]:
        """Views of frames [start, stop), oldest first: one, or two where the ring wraps."""
        if start >= stop:
            return []
        first, last = start % self._slots, (stop - 1) % self._slots
        if first <= last:
            return [self._frames[first : last + 1]]
        return [self._frames[first:], self._frames[: last + 1]]

    def arrival_ns(self, count: int) -> int:
        """When frame `count` arrived; that of the oldest one left where it has been overwritten."""
        return int(self._arrivals[max(count, self.oldest) % self._slots])

    def arrivals_ns(self, start: int, stop: int) -> list[int]:
        """When frames [start, stop) arrived."""
        return [int(self._arrivals[count % self._slots]) for count in range(start, stop)]

    @property
    def state(self) -> ReaderState:
        """What was said last, perhaps by a reader that died."""
        return ReaderState(*self._header[Word.TAIL : Word.GAP_FRAMES + 1])

    def gap(self, seen: int) -> Gap | None:
        """The first gap after so many seen ones, if there is one."""
        if self._header[Word.GAPS] <= seen:
            return None
        place = Word.GAP_FIRST + 2 * (seen % GAP_PLACES)
        return Gap(self._header[place], self._header[place + 1])

    def publish(self, state: ReaderState) -> None:
        """Say what is done with and what a replacement would still need; `tail` last, since it frees slots."""
        self._header[Word.SAFE] = state.safe
        self._header[Word.UTTERANCE] = state.utterance
        self._header[Word.GAPS_SEEN] = state.gaps_seen
        self._header[Word.GAP_FRAMES] = state.gap_frames
        self._header[Word.TAIL] = state.tail
