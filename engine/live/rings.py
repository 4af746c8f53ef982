"""A look at all leased rings of a shard at once: who has moved, who waits, where an utterance has opened or closed.

Reads the headers in shared memory and writes nothing there. The reader's words are read in the order in which a change is
sure to be whole: an utterance's word before `safe`, which is published before it. Rings that are not leased are not touched:
their pages would be made by a mere look. No clock: time comes as a number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.audio.arena import Arena
from engine.audio.ring import GAP_PLACES, Gap, RingReader, Word
from engine.live.spans import Bounds

LATE_STEPS_MS = np.array([100, 250, 500, 1000, 2000])  # lateness is news when it crosses one of these
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """Indexes of rings for which something is news."""

    bounds: list[int]  # an utterance has opened or closed, a gap was crossed
    late: list[int]  # a step of lateness was crossed


class ShardRings:
    """One shard's rings, as they were at the last look; arrays by ring."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.cells = arena.cells
        self._head, self._tail = arena.words(Word.HEAD), arena.words(Word.TAIL)
        self._utterance, self._safe = arena.words(Word.UTTERANCE), arena.words(Word.SAFE)
        self._gaps_seen, self._gap_frames = arena.words(Word.GAPS_SEEN), arena.words(Word.GAP_FRAMES)
        self.leased = np.zeros(arena.rings, np.bool_)
        self.late_ms = np.zeros(arena.rings, np.int64)
        self.queue_frames = 0
        self._step = np.zeros(arena.rings, np.int64)
        self._heads = np.zeros(arena.rings, np.int64)
        self._utterances = np.zeros(arena.rings, np.int64)
        self._crossed = np.zeros(arena.rings, np.int64)  # gaps
        self._moved_ns = np.zeros(arena.rings, np.int64)

    def take(self, ring: int, now_ns: int) -> None:
        """It is leased, and empty."""
        for known in (self.late_ms, self._step, self._heads, self._utterances, self._crossed):
            known[ring] = 0
        self.leased[ring] = True
        self._moved_ns[ring] = now_ns

    def end(self, ring: int) -> None:
        """It is leased no more; what it says stays until the next `take`."""
        self.leased[ring] = False

    def look(self, now_ns: int) -> Look:
        """See what has changed since the last look."""
        rings = np.flatnonzero(self.leased)
        tail, utterance, gaps = self._tail[rings], self._utterance[rings], self._gaps_seen[rings]
        head = self._head[rings]  # after the tail: never behind it
        late_ms = self._late_ms(rings, tail, head, now_ns)
        step = LATE_STEPS_MS.searchsorted(late_ms, side="right")
        bounds = rings[(utterance != self._utterances[rings]) | (gaps != self._crossed[rings])]
        late = rings[step != self._step[rings]]
        self._moved_ns[rings[head != self._heads[rings]]] = now_ns
        self.queue_frames = int((head - tail).sum())
        self._heads[rings], self._utterances[rings] = head, utterance
        self.late_ms[rings], self._step[rings] = late_ms, step
        return Look(bounds.tolist(), late.tolist())

    def _late_ms(
        self, rings: NDArray[np.intp], tail: NDArray[np.int64], head: NDArray[np.int64], now_ns: int
    ) -> NDArray[np.int64]:
        late_ms = np.zeros(len(rings), np.int64)
        waiting = np.flatnonzero(head > tail)
        arrived_ns = self._arena.arrivals_ns(rings[waiting], tail[waiting])
        late_ms[waiting] = np.maximum(0, now_ns - arrived_ns) // NS_PER_MS
        return late_ms

    def bounds(self, ring: int) -> Bounds:
        """What has become of the ring's utterance and gaps since this was asked last."""
        before, now = int(self._crossed[ring]), int(self._gaps_seen[ring])
        self._crossed[ring] = now
        gaps = self._gaps(ring, before, now) if now != before else []
        return Bounds(int(self._utterances[ring]), int(self._safe[ring]), gaps, int(self._gap_frames[ring]))

    def _gaps(self, ring: int, before: int, now: int) -> list[Gap]:
        """Those of them that are still told of; GAP_PLACES at most."""
        reader = RingReader(self._arena.ring(ring))
        return [gap for seen in range(max(before, now - GAP_PLACES), now) if (gap := reader.gap(seen)) is not None]

    @property
    def speaking(self) -> int:
        """Channels with an open utterance, at the last look."""
        return int(np.count_nonzero(self._utterances[self.leased]))

    def frames(self, ring: int) -> int:
        """Frames that were written."""
        return int(self._head[ring])

    def silent(self, since_ns: int) -> NDArray[np.intp]:
        """Leased rings that nothing was written to since then."""
        return np.flatnonzero(self.leased & (self._moved_ns <= since_ns))
