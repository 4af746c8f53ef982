"""Blocking calls off the event loop, where a call that never returns harms nobody else.

The loop's default executor is shared and joined when the process ends: one hung call would hold up other sinks and the
exit. Here every call has a daemon thread of its own, and a hung one keeps its place until it ends.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Generic, TypeVar

from engine.errors import SinkError

T = TypeVar("T")
R = TypeVar("R")


class Threads(Generic[T, R]):
    """At most `limit` threads at once, each running `function(argument)`; the function raises SinkError only."""

    def __init__(self, name: str, function: Callable[[T], R], limit: int) -> None:
        self._name = name
        self._function = function
        self._free = limit

    async def call(self, argument: T) -> R:
        """Run the function in a thread and wait for it; when cancelled, the thread runs on and keeps its place."""
        if not self._free:
            raise SinkError(f"sink {self._name}: every thread is still busy with an earlier call", retryable=True)
        self._free -= 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[R] = loop.create_future()
        Thread(target=self._work, args=(loop, answer, argument), name=f"sink-{self._name}", daemon=True).start()
        return await answer

    def _work(self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[R]", argument: T) -> None:
        settle: Callable[[], None]
        try:
            settle = partial(answer.set_result, self._function(argument))
        except SinkError as error:
            settle = partial(answer.set_exception, error)
        with suppress(RuntimeError):  # the loop has been closed meanwhile: nobody waits for the answer
            loop.call_soon_threadsafe(self._end, answer, settle)

    def _end(self, answer: "asyncio.Future[R]", settle: Callable[[], None]) -> None:
        self._free += 1
        if not answer.done():
            settle()
