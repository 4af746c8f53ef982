"""What a node owes Redis once, in order: told until it is taken, or has become pointless. One worker; nobody waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from engine.errors import FleetError

RETRY_S = 0.25

Chore = Callable[[], Awaitable[object]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Owed:
    do: Chore
    until: float  # loop time


class Chores:
    """`keep_s`: what could not be told for so long need not be told any more, since leases have ended."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._owed: asyncio.Queue[_Owed] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def owe(self, do: Chore, keep_s: float | None = None) -> None:
        """To be done soon; FleetError means: again, for `keep_s` where that is more than the usual."""
        self._owed.put_nowait(_Owed(do, self._loop.time() + (keep_s or self._keep_s)))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            owed = await self._owed.get()
            try:
                await self._tell(owed)
            finally:
                self._owed.task_done()

    async def done(self, timeout_s: float) -> None:
        """Wait until nothing is owed, or so long."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._owed.join()
        except TimeoutError:
            log.warning("The fleet was not told of all that has ended here", owed=self._owed.qsize() + 1)

    async def _tell(self, owed: _Owed) -> None:
        while True:
            try:
                await owed.do()
            except FleetError:
                if self._loop.time() >= owed.until:
                    return
                await asyncio.sleep(RETRY_S)
            else:
                return
