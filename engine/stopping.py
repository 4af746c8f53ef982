"""When the engine has to end: one absolute deadline, which the first signal sets and a second one moves to now.

After TERM calls may end until their deadline, which leaves a share of the time for rings, workers and commands. Who pressed
Ctrl-C waits, so after INT calls get no time. All times are the loop's.
"""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import structlog

CLOSING_SHARE = 0.4  # of the drain time is kept for rings, workers and commands
MIN_CLOSING_S = 2.0

log = structlog.get_logger(__name__)


class Stopping:
    """The signals' view of the stop. `drain_s` is the time from TERM to the deadline."""

    def __init__(self, drain_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._drain_s = drain_s
        self._asked = asyncio.Event()
        self._hurry = asyncio.Event()
        self.deadline = self.call_deadline = 0.0

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._asked.is_set()

    async def wait(self) -> None:
        """Until a signal comes."""
        await self._asked.wait()

    def signalled(self, number: signal.Signals) -> bool:
        """Take a signal; False where it is not the first, and hurries."""
        now = self._loop.time()
        if self.asked:
            log.warning("hurrying", signal=number.name)
            self.deadline = now
            self._hurry.set()
            return False
        grace_s = 0.0 if number == signal.SIGINT else self._drain_s
        log.info("stopping", signal=number.name, grace_s=grace_s)
        self.deadline = now + max(grace_s, MIN_CLOSING_S)
        self.call_deadline = now + grace_s * (1 - CLOSING_SHARE)
        self._asked.set()
        return True

    def left_s(self, at_least: float = 0.0) -> float:
        """Seconds to the deadline."""
        return max(at_least, self.deadline - self._loop.time())

    async def unless_hurried(self, step: Coroutine[Any, Any, object], deadline: float) -> None:
        """Do a step until it is done, the deadline has come, or a second signal has."""
        tasks = {self._loop.create_task(step), self._loop.create_task(self._hurry.wait())}
        await asyncio.wait(tasks, timeout=max(0.0, deadline - self._loop.time()), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
