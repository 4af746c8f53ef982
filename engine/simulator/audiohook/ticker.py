"""One clock for all sessions of the process: what is due at which moment, in one heap; no task and no timer per session.

Ticks stand on an absolute grid of TICK_S; at each, everything due by then is done, in the order of its moments. A late tick
does what has piled up; nothing drifts. How late things were done is kept, for whoever must know whether the load or its
generator was slow.
"""

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush

TICK_S = 0.005
LATE_NS = 100_000_000  # later than this counts as late


class Timer:
    """Something that is to be done; `cancel` before it is."""

    __slots__ = ("_act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def cancel(self) -> None:
        """It is not done; nothing where it was."""
        self._act = None

    def fire(self) -> bool:
        """Do it, unless cancelled."""
        act, self._act = self._act, None
        if act is None:
            return False
        act()
        return True


class Ticker:
    """Do things when they are due; moments are nanoseconds of the monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._made = 0
        self._wake = asyncio.Event()
        self.late_ns = 0  # the worst so far
        self.late_count = 0

    def at(self, due_ns: int, act: Callable[[], None]) -> Timer:
        """Do it then, or at once where that has passed."""
        timer = Timer(act)
        self._made += 1
        heappush(self._heap, (due_ns, self._made, timer))
        self._wake.set()
        return timer

    def after(self, delay_s: float, act: Callable[[], None]) -> Timer:
        """Do it so much later."""
        return self.at(time.monotonic_ns() + int(delay_s * 1e9), act)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self._wake.wait()
            tick_at = time.monotonic()
            while self._heap:
                self.do_due(time.monotonic_ns())
                tick_at = max(tick_at + TICK_S, time.monotonic())
                await asyncio.sleep(tick_at - time.monotonic())
            self._wake.clear()

    def do_due(self, now_ns: int) -> None:
        """Do everything that is due by now."""
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, timer = heappop(self._heap)
            if timer.fire():
                self._note(now_ns - due_ns)

    def _note(self, late_ns: int) -> None:
        self.late_ns = max(self.late_ns, late_ns)
        self.late_count += late_ns > LATE_NS
