"""INT, TERM and HUP: the first ends the work in order, a further one hurries the end."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Within its block, signals cancel the task that entered it; `number` is the first one's."""

    def __init__(self) -> None:
        self.number: signal.Signals | None = None
        self.hurry = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup has its will
                self._loop.add_signal_handler(number, self._on_signal, number)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number in SIGNALS:
            self._loop.remove_signal_handler(number)

    def _on_signal(self, number: signal.Signals) -> None:
        if self.number is not None:
            self.hurry.set()
            return
        self.number = number
        self._task.cancel()


async def until_stopped(work: Awaitable[None]) -> None:
    """Signals end it, and that is no fault; nor is it that nobody reads what it prints any more."""
    with Interrupts() as interrupts:
        try:
            await work
        except asyncio.CancelledError:
            if interrupts.number is None:
                raise
        except BrokenPipeError:  # nor may the exit try to write the rest
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
