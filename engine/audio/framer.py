"""Cut one channel's audio of any length into whole frames; at most FRAME_BYTES - 1 bytes wait as the carry.

An odd number of bytes never shifts samples: the carry is bytes, not samples, and only whole frames leave.
"""

from engine.audio.format import FRAME_BYTES
from engine.audio.ring import RingWriter


class Framer:
    """One channel's framer; the ring behind it takes what it cuts."""

    def __init__(self, writer: RingWriter) -> None:
        self._writer = writer
        self._carry = b""

    def push(self, chunk: bytes, now_ns: int) -> int:
        """Write every whole frame in one call; return how many were lost. The caller counts them."""
        data = self._carry + chunk if self._carry else chunk
        rest = len(data) % FRAME_BYTES
        self._carry = data[len(data) - rest :] if rest else b""
        if len(data) == rest:
            return 0
        return self._writer.write(memoryview(data)[: len(data) - rest], now_ns)

    def drop_carry(self) -> None:
        """Forget the bytes that wait: what comes next doesn't belong to them."""
        self._carry = b""
