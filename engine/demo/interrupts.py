"""INT, TERM and HUP: the first ends the demo in order, a further one hurries the end."""

import asyncio
import signal
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Within its block, signals cancel the task that entered it; `number` is the first one's."""

    def __init__(self) -> None:
        self.number: int | None = None
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
