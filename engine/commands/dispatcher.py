"""Takes commands from the outbox to their sinks; every delivery ends in one counted outcome.

`offer` never waits. Each sink has its own workers, at most `concurrency` of them, so a slow or dead sink delays no
other. A delivery is pending in the outbox until it is done; what a stop cuts off stays pending there.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from engine.commands import attempts
from engine.commands.attempts import Sink
from engine.commands.command import Command
from engine.commands.outbox import Delivery, Outbox
from engine.errors import SinkError
from engine.metrics import Metrics, Outcome

log = structlog.get_logger(__name__)

OnOutcome = Callable[[Command, str, Outcome], None]


class Dispatcher:
    """Owns the workers. Lives on one event loop; `sinks` holds every name that commands carry."""

    def __init__(self, sinks: Mapping[str, Sink], outbox: Outbox, metrics: Metrics, on_outcome: OnOutcome) -> None:
        self._sinks = sinks
        self._outbox = outbox
        self._metrics = metrics
        self._on_outcome = on_outcome
        self._busy: Counter[str] = Counter()  # workers per sink
        self._workers: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._closed = False
        outbox.listen(self._pump)
        self._count_pending()

    def offer(self, command: Command) -> None:
        """Take a command; a sink whose box is full gets the outcome `refused`."""
        for sink in self._outbox.put(command):
            self._tell(command, sink, "refused", "outbox is full")
        self._count_pending()

    async def flush(self, deadline: float) -> int:
        """Wait until nothing is pending or the loop's time reaches `deadline`; return how many deliveries are left."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._idle.wait()
        left = self._outbox.pending
        if left:
            log.error("Commands are left undelivered", deliveries=left, under_way=len(self._workers))
        return left

    async def close(self) -> None:
        """Stop the workers; deliveries under way are cut off and stay pending."""
        self._closed = True
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def _pump(self, name: str) -> None:
        """Start workers for what waits, as far as the sink's concurrency allows."""
        sink = self._sinks[name]
        while not self._closed and self._busy[name] < sink.options.concurrency:
            delivery = self._outbox.take(name)
            if delivery is None:
                return
            self._busy[name] += 1
            worker = asyncio.get_running_loop().create_task(self._work(sink, delivery))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self, sink: Sink, delivery: Delivery) -> None:
        """Bring one delivery to its end, then see what waits."""
        self._metrics.spot_latency((time.monotonic_ns() - delivery.command.phrase_end_ns) / 1e9)
        try:
            outcome, fault = await self._deliver(sink, delivery.command)
        except asyncio.CancelledError:
            log.warning("Delivery was cut off", **_fields(delivery.command, delivery.sink))
            raise
        self._outbox.done(delivery, outcome)
        self._busy[delivery.sink] -= 1
        self._pump(delivery.sink)
        self._count_pending()
        self._tell(delivery.command, delivery.sink, outcome, fault)

    async def _deliver(self, sink: Sink, command: Command) -> tuple[Outcome, str]:
        """Outcome and fault (empty when there is none). The border that keeps one delivery's trouble in it."""
        try:
            await attempts.deliver(sink, command)
        except SinkError as error:
            unknown = error.happened == "unknown" and not sink.idempotent
            return "unknown" if unknown else "failed", str(error)
        except Exception as error:  # noqa: BLE001 - named border: one delivery; a sink's defect must not stop the others
            return "failed" if sink.idempotent else "unknown", f"defect in the sink: {type(error).__name__}"
        return "delivered", ""

    def _tell(self, command: Command, sink: str, outcome: Outcome, fault: str) -> None:
        self._metrics.command_done(sink, outcome)
        if outcome != "delivered":
            log.error("Command was not delivered", outcome=outcome, fault=fault, **_fields(command, sink))
        self._on_outcome(command, sink, outcome)

    def _count_pending(self) -> None:
        pending = self._outbox.pending
        self._metrics.outbox_pending(pending)
        if pending:
            self._idle.clear()
        else:
            self._idle.set()


def _fields(command: Command, sink: str) -> dict[str, str]:
    """What a log line may say about a command: no words that were said."""
    return {"sink": sink, "key": command.idempotency_key, "rule": command.rule}
