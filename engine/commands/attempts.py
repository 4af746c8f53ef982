"""One delivery: attempts until one succeeds, the fault is final, or the sink's deadline is over.

A sink makes a single attempt and says through SinkError whether it may be repeated; pauses, limits and the deadline are
the same for all sinks and live here. What the receiver asks for (`Retry-After`) wins over the back-off, and when it
lies past the deadline there is no further attempt.
"""

import asyncio
from typing import Protocol

import stamina
import stamina.instrumentation
import structlog

from engine.commands.command import Command
from engine.errors import SinkError
from engine.options import SinkBase

WAIT_FIRST_S = 0.2  # doubles with each attempt
WAIT_MOST_S = 10.0
JITTER_S = 0.3  # added at random

log = structlog.get_logger(__name__)


def _tell(details: stamina.instrumentation.RetryDetails) -> None:
    """Instead of stamina's own line, which shows its insides."""
    log.warning(
        "failed, will be tried again",
        attempt=details.retry_num,
        wait_s=round(details.wait_for, 2),
        fault=str(details.caused_by),
    )


stamina.instrumentation.set_on_retry_hooks([_tell])


class Sink(Protocol):
    """Where one kind of effect leaves."""

    @property
    def options(self) -> SinkBase:
        """Name and limits."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether the effect may be had twice: only then is an attempt without an answer repeated."""
        ...

    async def deliver(self, command: Command) -> None:
        """Make one attempt. Raises SinkError; bounded by its caller, who cancels it after `options.timeout_s`."""
        ...


async def deliver(sink: Sink, command: Command) -> None:
    """Deliver one command to one sink within `options.deadline_s`. Raises the last attempt's SinkError."""
    await _Attempts(sink, command).run()


class _Attempts:
    """The attempts of one delivery, and the fault it ends with if it ends now."""

    def __init__(self, sink: Sink, command: Command) -> None:
        self._sink = sink
        self._command = command
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + sink.options.deadline_s
        self._fault = self._no_answer()

    async def run(self) -> None:
        attempts = stamina.retry_context(
            on=self._pause,
            attempts=None,
            timeout=None,
            wait_initial=WAIT_FIRST_S,
            wait_max=WAIT_MOST_S,
            wait_jitter=JITTER_S,
        )
        try:
            async with asyncio.timeout_at(self._deadline):
                async for attempt in attempts:
                    with attempt:
                        await self._attempt()
        except TimeoutError as error:
            raise self._fault from error

    async def _attempt(self) -> None:
        self._fault = self._no_answer()
        try:
            async with asyncio.timeout(self._sink.options.timeout_s):
                await self._sink.deliver(self._command)
        except TimeoutError as error:
            raise self._no_answer() from error

    def _pause(self, error: Exception) -> bool | float:
        """Stamina's question after a failed attempt: no more (False), the usual back-off (True), or so many seconds."""
        if not isinstance(error, SinkError) or not error.retryable:
            return False
        self._fault = error
        if error.retry_after_s is None:
            return True
        pause_s = max(error.retry_after_s, WAIT_FIRST_S)
        return pause_s if self._clock() + pause_s < self._deadline else False

    def _no_answer(self) -> SinkError:
        name, idempotent = self._sink.options.name, self._sink.idempotent
        return SinkError(f"sink {name}: no answer in time", retryable=idempotent, happened="unknown")
