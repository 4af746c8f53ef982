"""One shard's shared memory: its counters and its rings.

The memory has no name: a memfd that is handed to processes by file descriptor, so the kernel frees it with the last
process that holds it, whatever killed that process, and nothing can stay behind in /dev/shm. Views are made with
`np.frombuffer`, which keeps the mapping alive; a mapping is never closed under a view.
"""

import mmap
import os
import tempfile
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.audio.ring import HEADER_WORDS, RingMemory, Words, ring_bytes, ring_memory
from engine.stats import CELL_COUNT

_CELL_BYTES = -(-CELL_COUNT * 8 // 64) * 64


def _anonymous_file(size: int) -> int:
    """A file descriptor of `size` zero bytes in memory, without a name."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("cueline-arena", os.MFD_CLOEXEC)
    else:  # pragma: no cover (other systems than Linux)
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, size)
    return fd


class Arena:
    """Cells and rings of one shard, in the process that made it or in one that was handed its descriptor."""

    def __init__(self, fd: int, rings: int, slots: int) -> None:
        """Map the arena behind `fd`; the descriptor stays the caller's until `close`."""
        self.fd = fd
        self.rings = rings
        self.slots = slots
        size = _CELL_BYTES + rings * ring_bytes(slots)
        self._view = memoryview(mmap.mmap(fd, size))
        self.cells: NDArray[np.float64] = np.frombuffer(self._view, np.float64, CELL_COUNT)

    @classmethod
    def create(cls, rings: int, slots: int) -> Self:
        """Make a new one, all zero. Pages cost memory only once they are used."""
        return cls(_anonymous_file(_CELL_BYTES + rings * ring_bytes(slots)), rings, slots)

    def ring(self, index: int) -> RingMemory:
        """The views of one ring; IndexError outside the arena."""
        if not 0 <= index < self.rings:
            raise IndexError(f"ring {index} of {self.rings}")
        return ring_memory(self._view, _CELL_BYTES + index * ring_bytes(self.slots), self.slots)

    def words(self, word: int) -> Words:
        """One word of every ring's header, shape (rings,): a view, for a look at all of them at once."""
        header = np.frombuffer(self._view, np.int64, offset=_CELL_BYTES)
        return header[word :: ring_bytes(self.slots) // 8]

    def arrivals_ns(self, rings: NDArray[np.intp], counts: Words) -> Words:
        """When frame `counts[i]` of ring `rings[i]` arrived, monotonic; of frames that are still in their rings."""
        header = np.frombuffer(self._view, np.int64, offset=_CELL_BYTES)
        arrivals: Words = header[rings * (ring_bytes(self.slots) // 8) + HEADER_WORDS + counts % self.slots]
        return arrivals

    def close(self) -> None:
        """Give up the descriptor; the mapping goes with its last view."""
        os.close(self.fd)
