"""One clock for all calls: a tick every TICK_S on an absolute grid, at which every live call sends what is due.

A late tick sends what has piled up; nothing drifts. With no live call the ticker sleeps until one starts.
"""

import asyncio
import time

from engine.simulator.call import Call

TICK_S = 0.005
PATIENCE_S = 1.0  # a process halted for longer does not catch up on its ticks


class Ticker:
    """Advance the calls that were added until they end."""

    def __init__(self) -> None:
        self._live: set[Call] = set()
        self._wake = asyncio.Event()
        self.late_s = 0.0  # how far the worst tick so far was behind the grid

    def add(self, call: Call) -> None:
        """Play this call from now on; its playback has been started."""
        self._live.add(call)
        self._wake.set()

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self._wake.wait()
            tick_at = time.monotonic()
            while self._live:
                self.late_s = max(self.late_s, time.monotonic() - tick_at)
                await self._tick()
                tick_at = max(tick_at + TICK_S, time.monotonic() - PATIENCE_S)
                await asyncio.sleep(tick_at - time.monotonic())
            self._wake.clear()

    async def _tick(self) -> None:
        for call in tuple(self._live):
            await call.advance(time.monotonic_ns())
            if call.state == "ended":
                self._live.discard(call)
