"""Lets attempts at one sink pass: at most `limit` at once, and as its circuit allows.

Only an attempt holds a place, never a delivery in its pause, so a few commands that always fail hold up no others. Whoever
was tried least goes first: a fresh command is the better probe of a sink that refuses old ones.
"""

import asyncio
import heapq
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from math import isinf

from engine.commands.circuit import Circuit
from engine.errors import SinkError


class Turnstile:
    """Of one sink; lives on one loop. `on_circuit` hears whenever the circuit opens or closes."""

    def __init__(
        self, limit: int, on_circuit: Callable[[bool], None], chance: Callable[[], float] = random.random
    ) -> None:
        self._limit = limit
        self._on_circuit = on_circuit
        self._circuit = Circuit(chance)
        self._loop = asyncio.get_running_loop()
        self._inside = 0
        self._numbers = count()
        self._waiting: list[
            tuple[int, int, asyncio.Future[bool]]
        ] = []  # a heap: attempts so far, then order of arrival
        self._timer: asyncio.TimerHandle | None = None

    @property
    def only_probes(self) -> bool:
        """Whether the circuit is open: the sink fails."""
        return self._circuit.open

    @asynccontextmanager
    async def passage(self, attempts: int) -> AsyncIterator[None]:
        """Wait for a place, hold it for the time of the block; how that ends is told to the circuit."""
        probe = await self._place(attempts)
        try:
            yield
        except SinkError as error:
            self._leave(probe, well=not error.retryable and error.happened == "no", asked_s=error.retry_after_s)
            raise
        except asyncio.CancelledError:
            self._leave(probe, well=False)
            raise
        except BaseException:
            self._leave(probe, well=True)
            raise
        self._leave(probe, well=True)

    async def _place(self, attempts: int) -> bool:
        """Wait for one; return whether the attempt is a probe."""
        place: asyncio.Future[bool] = self._loop.create_future()
        entry = (attempts, next(self._numbers), place)
        heapq.heappush(self._waiting, entry)
        self._admit()
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled():
                self._leave(place.result(), well=False)
            elif entry in self._waiting:
                self._waiting.remove(entry)
                heapq.heapify(self._waiting)
            raise

    def _leave(self, probe: bool, *, well: bool, asked_s: float | None = None) -> None:
        self._inside -= 1
        before = self._circuit.open
        if well:
            self._circuit.succeeded()
        else:
            self._circuit.failed(self._loop.time(), asked_s, probe=probe)
        if self._circuit.open != before:
            self._on_circuit(self._circuit.open)
        self._admit()

    def _admit(self) -> None:
        """Give places to those who wait, as far as there are any."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._inside < self._limit:
            wait_s = self._circuit.wait_s(self._loop.time())
            if wait_s > 0:
                self._timer = None if isinf(wait_s) else self._loop.call_later(wait_s, self._admit)
                return
            place = heapq.heappop(self._waiting)[2]
            if not place.cancelled():  # or its owner has yet to wake up
                self._inside += 1
                place.set_result(self._circuit.begun())
