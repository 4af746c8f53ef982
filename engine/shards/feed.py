"""One channel's way into its shard: framer, ring, doorbell."""

import time
from collections.abc import Callable

from engine.audio.format import frames_of
from engine.audio.framer import Framer
from engine.audio.ring import RingMemory, RingReader, RingWriter
from engine.shards.doorbell import Doorbell

HISTORY_FRAMES = 64  # kept behind the reader for pre-roll and the overlap of cut utterances


class RingFeed:
    """What intake pushes audio into; never waits."""

    def __init__(self, memory: RingMemory, doorbell: Doorbell, on_lost: Callable[[int], None]) -> None:
        keep = min(HISTORY_FRAMES, memory.slots // 4)
        room = memory.slots - keep
        writer = RingWriter(memory, keep)
        writer.clear()
        self._reader = RingReader(memory)
        self._writer = writer
        self._framer = Framer(writer)
        self._doorbell = doorbell
        self._on_lost = on_lost
        self._crowded_frames = max(room // 2, room - frames_of(1000))
        self._open = True

    def push(self, chunk: bytes) -> None:
        """Audio of any length, also odd. What does not fit is lost and counted; after `close` nothing is taken."""
        if not self._open:
            return
        lost = self._framer.push(chunk, time.monotonic_ns())
        if lost:
            self._on_lost(lost)
            self._writer.mark_gap(lost)  # nothing is glued across what is missing, and positions stay true
        self._doorbell.mark()

    def mark_gap(self, gap_ms: int) -> None:
        """Audio was missed here: the open utterance ends, positions go on by `gap_ms`."""
        if self._open:
            self._framer.drop_carry()
            self._writer.mark_gap(frames_of(gap_ms))
            self._doorbell.mark()

    @property
    def queue_depth_frames(self) -> int:
        """Frames that the worker has not taken yet."""
        return self._reader.head - self._reader.tail

    @property
    def nearly_full(self) -> bool:
        """Whether less than a second of audio, or half the ring, is left."""
        return self.queue_depth_frames > self._crowded_frames

    def close(self) -> None:
        """The ring is no longer ours."""
        self._open = False
