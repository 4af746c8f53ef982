"""Takes commands from the outbox to their sinks; every delivery ends in one recorded state and one counted outcome.

`offer` never waits. Each sink has its own turnstile, and at most IN_HAND deliveries taken, so a slow or dead sink delays no
other, and a command that always fails no other of its sink. A delivery is pending in the outbox until it is done; what a stop
cuts off stays pending there, for the next start. In a fleet a command is made only where it is ours, and begun only where no other
node has been quicker; else its outcome is `elsewhere`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from engine.command_metrics import Outcome
from engine.commands import attempts
from engine.commands.attempts import Records
from engine.commands.boxes import Delivery
from engine.commands.command import Command
from engine.commands.outbox import Closed, Outbox, WithdrawnError
from engine.commands.outbox_rows import State
from engine.commands.sink import Sink
from engine.commands.traces import Trace
from engine.commands.turnstile import Turnstile
from engine.errors import SinkError
from engine.metrics import Metrics

IN_HAND = 256  # deliveries of one sink that are attempted or in their pauses
OUTCOMES: dict[State, Outcome] = {
    "delivered": "delivered",
    "failed": "failed",
    "expired": "failed",
    "unknown": "unknown",
}
ELSEWHERE = "another node of the fleet has the call, or had the effect first"

log = structlog.get_logger(__name__)

OnOutcome = Callable[[Command, str, Outcome], None]
OnHanded = Callable[[Command, str, float], None]  # to a sink for the first time, so many seconds after the phrase's end


class Effects(Protocol):
    """Who may have an effect, where several engines hear one call."""

    def ours(self, command: Command) -> bool:
        """Whether the phrase ended while the call was ours."""
        ...

    async def claim(self, command: Command) -> bool:
        """Whether no other node has had the effect; waits for as long as that can't be known."""
        ...


@dataclass(frozen=True, slots=True)
class _End:
    state: State
    outcome: Outcome | None  # None: an operator knows of it already
    fault: str = ""


class Dispatcher:
    """Owns the workers. Lives on one event loop; `sinks` holds every name that commands carry."""

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        outbox: Outbox,
        metrics: Metrics,
        on_outcome: OnOutcome,
        on_handed: OnHanded = lambda *_: None,
        trace: Trace = lambda *_: None,
        effects: Effects | None = None,
    ) -> None:
        self._sinks = sinks
        self._outbox = outbox
        self._metrics = metrics
        self._on_outcome = on_outcome
        self._on_handed = on_handed
        self._trace = trace
        self._effects = effects
        self._turnstiles = {name: self._turnstile(name, sink) for name, sink in sinks.items()}
        self._records = Records(self._begins, outbox.failed, metrics.sink_took)
        self._in_hand: Counter[str] = Counter()  # by sink
        self._workers: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._closed = False
        metrics.outbox_from(lambda: outbox.dead, outbox.oldest_s)
        for closed in outbox.closed_at_start:
            self._tell_closed(closed)
        if outbox.pending:
            log.info("Commands of an earlier run are delivered now", deliveries=outbox.pending)
        outbox.listen(self._pump)
        self._count_pending()

    def _turnstile(self, name: str, sink: Sink) -> Turnstile:
        self._metrics.sink_known(name)
        return Turnstile(sink.options.concurrency, partial(self._on_circuit, name))

    def _on_circuit(self, name: str, is_open: bool) -> None:
        self._metrics.circuit_open(name, is_open)
        if is_open:
            log.error("Sink fails and is only probed now", sink=name)
        else:
            log.info("Sink answers again", sink=name)

    @property
    def failing(self) -> set[str]:
        """Sinks that are only probed now."""
        return {name for name, turnstile in self._turnstiles.items() if turnstile.only_probes}

    def offer(self, command: Command) -> None:
        """Take a command; a sink whose box is full gets the outcome `refused`."""
        if self._effects and not self._effects.ours(command):
            for sink in dict.fromkeys(command.sinks):
                self._tell(command, sink, "elsewhere", ELSEWHERE)
            return
        for sink in self._outbox.put(command):
            self._tell(command, sink, "refused", "outbox is full")
        self._count_pending()

    async def flush(self, deadline: float) -> int:
        """Wait until nothing is pending or the loop's time reaches `deadline`; return how many deliveries are left."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._idle.wait()
        left = self._outbox.pending
        if left and self._outbox.trouble:
            fault = self._outbox.trouble
            log.error("The state can't be written: commands that are not in it yet are lost", pending=left, fault=fault)
        elif left:
            log.warning("Commands wait for the next start", deliveries=left, under_way=len(self._workers))
        return left

    async def close(self) -> None:
        """Stop the workers; deliveries under way are cut off and stay pending."""
        self._closed = True
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _pump(self, name: str) -> None:
        """Start workers for what waits."""
        while not self._closed and self._in_hand[name] < IN_HAND:
            delivery = self._outbox.take(name)
            if delivery is None:
                break
            self._in_hand[name] += 1
            worker = asyncio.get_running_loop().create_task(self._work(self._sinks[name], delivery))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        self._count_pending()

    async def _work(self, sink: Sink, delivery: Delivery) -> None:
        """Bring one delivery to its end, then see what waits."""
        try:
            end = await self._deliver(sink, delivery)
        except asyncio.CancelledError:
            log.warning("Delivery was cut off", **_fields(delivery.key, delivery.sink))
            raise
        self._outbox.done(delivery, end.state, end.fault)
        self._in_hand[delivery.sink] -= 1
        self._pump(delivery.sink)
        if end.outcome:
            self._tell(delivery.command, delivery.sink, end.outcome, end.fault, delivery.attempts)
        else:
            log.info("Delivery was discarded by an operator", **_fields(delivery.key, delivery.sink))

    async def _begins(self, delivery: Delivery) -> None:
        await self._outbox.begins(delivery)
        if delivery.attempts == 1 and delivery.command.phrase_end_ns:
            latency_s = (time.monotonic_ns() - delivery.command.phrase_end_ns) / 1e9
            self._metrics.spot_latency(latency_s)
            self._on_handed(delivery.command, delivery.sink, latency_s)

    async def _deliver(self, sink: Sink, delivery: Delivery) -> _End:
        """The border that keeps one delivery's trouble in it."""
        try:
            if not await self._may(delivery):
                return _End("discarded", "elsewhere", ELSEWHERE)
            await attempts.deliver(sink, delivery, self._turnstiles[delivery.sink], self._records)
        except WithdrawnError as error:
            return _End("discarded", None, str(error))
        except SinkError as error:
            state = _end_of(error, sink)
            return _End(state, OUTCOMES[state], str(error))
        except Exception as error:  # noqa: BLE001 - named border: one delivery; a sink's defect must not stop the others
            state = "failed" if sink.idempotent else "unknown"
            return _End(state, OUTCOMES[state], f"defect in the sink: {type(error).__name__}")
        return _End("delivered", "delivered")

    async def _may(self, delivery: Delivery) -> bool:
        """Whether the effect is ours to have. SinkError where that could not be known in time."""
        if self._effects is None or delivery.attempts:
            return True
        try:
            async with asyncio.timeout_at(delivery.deadline):
                return await self._effects.claim(delivery.command)
        except TimeoutError as error:
            raise SinkError("the fleet's Redis did not say in time whose it is", retryable=True) from error

    def _tell(self, command: Command, sink: str, outcome: Outcome, fault: str, attempts: int = 0) -> None:
        self._metrics.command_done(command.rule, sink, outcome)
        fields = _fields(command.idempotency_key, sink)
        if outcome == "elsewhere":
            log.info("Command is left to another node", rule=command.rule, **fields)
        elif outcome != "delivered":
            log.error("Command was not delivered", outcome=outcome, fault=fault, rule=command.rule, **fields)
        self._trace(command, sink, outcome, attempts)
        self._on_outcome(command, sink, outcome)

    def _tell_closed(self, closed: Closed) -> None:
        """Of an earlier run; a sink that is configured no more is no label."""
        if closed.command and closed.sink in self._sinks:
            self._tell(closed.command, closed.sink, OUTCOMES[closed.state], closed.fault)
        else:
            log.error(
                "Command was not delivered", outcome="failed", fault=closed.fault, **_fields(closed.key, closed.sink)
            )

    def _count_pending(self) -> None:
        pending = self._outbox.pending
        self._metrics.outbox_pending(pending)
        if pending:
            self._idle.clear()
        else:
            self._idle.set()


def _end_of(error: SinkError, sink: Sink) -> State:
    if error.happened == "unknown" and not sink.idempotent:
        return "unknown"
    return "expired" if error.retryable else "failed"  # only the deadline ends what may be tried again


def _fields(key: str, sink: str) -> dict[str, str]:
    """What a log line may say about a command: no words that were said."""
    return {"sink": sink, "key": key}
