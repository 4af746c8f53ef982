"""One delivery: attempts until one succeeds, the fault is final, or the delivery's deadline is over.

A sink makes a single attempt and says through SinkError whether it may be repeated; pauses, limits and the deadline are
the same for all sinks and live here. What the receiver asks for (`Retry-After`) wins over the back-off, and when it
lies past the deadline there is no further attempt. A delivery in its pause takes no place from others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import stamina
import stamina.instrumentation
import structlog

from engine.commands.boxes import Delivery
from engine.commands.sink import Sink
from engine.commands.turnstile import Turnstile
from engine.errors import SinkError

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


@dataclass(frozen=True, slots=True)
class Records:
    """Who is told of attempts: one begins once `begins` has returned; `failed` is for those that will be repeated.

    `took` hears the sink's name and the seconds that it had the command, whatever came of it.
    """

    begins: Callable[[Delivery], Awaitable[None]]
    failed: Callable[[Delivery, str], None]
    took: Callable[[str, float], None]


async def deliver(sink: Sink, delivery: Delivery, turnstile: Turnstile, records: Records) -> None:
    """Deliver one command to one sink before the delivery's deadline. Raises the last attempt's SinkError.

    It is retryable still where only the deadline ended it; what `begins` raises ends it, too.
    """
    with structlog.contextvars.bound_contextvars(sink=delivery.sink, key=delivery.key):
        await _Attempts(sink, delivery, turnstile, records).run()


class _Attempts:
    """The attempts of one delivery, and the fault it ends with if it ends now."""

    def __init__(self, sink: Sink, delivery: Delivery, turnstile: Turnstile, records: Records) -> None:
        self._sink = sink
        self._delivery = delivery
        self._turnstile = turnstile
        self._records = records
        self._clock = asyncio.get_running_loop().time
        self._fault = SinkError(f"sink {sink.options.name}: could not be tried in time", retryable=True)

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
            async with asyncio.timeout_at(self._delivery.deadline):
                async for attempt in attempts:
                    with attempt:
                        await self._attempt()
        except TimeoutError as error:
            raise self._fault from error

    async def _attempt(self) -> None:
        async with self._turnstile.passage(self._delivery.attempts):
            await self._records.begins(self._delivery)
            if self._clock() >= self._delivery.deadline:
                raise TimeoutError
            self._fault = self._no_answer()
            begun_s = self._clock()
            try:
                async with asyncio.timeout(self._sink.options.timeout_s):
                    await self._sink.deliver(self._delivery.command)
            except TimeoutError as error:
                raise self._no_answer() from error
            finally:
                self._records.took(self._delivery.sink, self._clock() - begun_s)

    def _pause(self, error: Exception) -> bool | float:
        """Stamina's question after a failed attempt: no more (False), the usual back-off (True), or so many seconds."""
        if not isinstance(error, SinkError) or not error.retryable:
            return False
        self._fault = error
        pause_s = None if error.retry_after_s is None else max(error.retry_after_s, WAIT_FIRST_S)
        if pause_s is not None and self._clock() + pause_s >= self._delivery.deadline:
            return False
        self._records.failed(self._delivery, str(error))
        return pause_s or True

    def _no_answer(self) -> SinkError:
        name, idempotent = self._sink.options.name, self._sink.idempotent
        return SinkError(f"sink {name}: no answer in time", retryable=idempotent, happened="unknown")
