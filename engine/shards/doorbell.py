"""Wake a worker: one write per loop turn, however many frames came in it."""

import asyncio
import os
from contextlib import suppress


class Doorbell:
    """The supervisor's end; the worker polls `fd` and reads it empty."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._loop = asyncio.get_running_loop()
        self._marked = False

    def mark(self) -> None:
        """There is something in a ring; the bell rings at the end of this loop turn."""
        if not self._marked:
            self._marked = True
            self._loop.call_soon(self._ring)

    def _ring(self) -> None:
        self._marked = False
        with suppress(OSError):  # closed meanwhile, or rung 2**64 times without an answer
            os.eventfd_write(self.fd, 1)

    def close(self) -> None:
        """Take it down; marks after that do nothing."""
        fd, self.fd = self.fd, -1  # the number may be another file's by the end of this turn
        os.close(fd)
