"""Where commands wait for their sinks: in the state file, so that none is lost with the process.

Guarantees: a delivery can be taken only once its command is on the disk; one whose effect must not be had twice begins only
once that beginning is on the disk. So after any end of the process the file says of each what is owed: `waiting` is sent by
the next run, `sending` may have happened and is never repeated (`recovery`). A key that the file knows adds nothing.
`put`, `failed` and `done` only note; while the disk takes nothing, commands wait here, `capacity` per sink, and nothing leaves.
An operator's changes (`cueline commands`) are marked in the row and heeded as soon as they are noticed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from engine.commands.boxes import Boxes, Delivery
from engine.commands.command import Command
from engine.commands.outbox_rows import Kept, State, encoded, read_row
from engine.commands.outbox_sql import (
    ASKED,
    BEGIN,
    COUNT_DEAD,
    END,
    FAIL,
    HEED,
    PENDING_ROWS,
    insertions,
    pruning,
    set_aside,
)
from engine.commands.recovery import Resume, verdict
from engine.commands.sink import Sink
from engine.errors import RowError, SinkError
from engine.options import OutboxOptions
from engine.state_file import Rows, StateFile

PRUNE_S = 60.0
MAX_FAULT = 500  # characters

log = structlog.get_logger(__name__)


class WithdrawnError(SinkError):
    """An operator has discarded the delivery: nothing more is to be done."""

    def __init__(self) -> None:
        super().__init__("discarded by an operator", retryable=False)


@dataclass(frozen=True, slots=True)
class Closed:
    """A delivery of an earlier run that this one ended at its start; without a command where its row can't be read."""

    key: str
    sink: str
    command: Command | None
    state: State
    fault: str


class Outbox:
    """Deliveries until they end. Lives on one loop; made before the state file's `start`, whose `on_foreign` is `heed`."""

    def __init__(
        self,
        state: StateFile,
        options: OutboxOptions,
        sinks: Mapping[str, Sink],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Read what an earlier run left. ConfigError where the file is damaged."""
        self._state = state
        self._options = options
        self._sinks = sinks
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._boxes = Boxes(options.capacity)
        self._wake: Callable[[str], None] = lambda _: None  # nobody listens yet
        self._timer: asyncio.TimerHandle | None = None
        self.dead = 0  # dead letters in the file
        self.closed_at_start: list[Closed] = []
        for row in state.rows(PENDING_ROWS):
            self._recover(row)
        self.heed()
        self._prune()

    @property
    def pending(self) -> int:
        """Deliveries that have not ended."""
        return len(self._boxes)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be committed now; None while all is well."""
        return self._state.trouble

    def oldest_s(self) -> float:
        """For how long the oldest of them has been here; 0 without any."""
        oldest = self._boxes.oldest()
        return 0.0 if oldest is None else self._loop.time() - oldest

    def listen(self, wake: Callable[[str], None]) -> None:
        """Call `wake(sink)` whenever there may be something new for `take(sink)`; at once for what an earlier run left."""
        self._wake = wake
        for sink in self._boxes.ready_sinks():
            wake(sink)

    def close(self) -> None:
        """Nothing is pruned any more."""
        if self._timer:
            self._timer.cancel()

    # a delivery's way

    def put(self, command: Command) -> tuple[str, ...]:
        """Note a command; return the sinks whose box is full and that won't get it. The caller counts them."""
        now = self._loop.time()
        new: list[Delivery] = []
        refused: list[Delivery] = []
        for sink in dict.fromkeys(command.sinks):
            if self._boxes.find(command.idempotency_key, sink):
                continue
            delivery = Delivery(command, sink, now, now + self._sinks[sink].options.deadline_s)
            (new if self._boxes.hold(delivery) else refused).append(delivery)
        if new:
            wall = self._wall()
            deadlines = {delivery.sink: wall + delivery.deadline - now for delivery in new}
            self._state.change(insertions(command, encoded(command), deadlines, wall), partial(self._committed, new))
        return tuple(delivery.sink for delivery in refused)

    def _committed(self, deliveries: list[Delivery], rows: Rows) -> None:
        """They are on the disk; those that were there already are not among `rows`."""
        new = {sink for (sink,) in rows}
        for delivery in deliveries:
            if delivery.sink in new:
                self._release(delivery)
            else:
                self._boxes.drop(delivery)
            self._wake(delivery.sink)

    def _release(self, delivery: Delivery) -> None:
        """What may be had late has its whole time from now on, however long the disk was full."""
        sink = self._sinks[delivery.sink]
        if sink.idempotent:
            delivery.deadline = self._loop.time() + sink.options.deadline_s
        self._boxes.release(delivery)

    def take(self, sink: str) -> Delivery | None:
        """The sink's oldest delivery that is committed and not taken; None without any."""
        return self._boxes.take(sink)

    async def begins(self, delivery: Delivery) -> None:
        """Return when an attempt may begin. WithdrawnError where none may any more."""
        if not delivery.withdrawn and not self._sinks[delivery.sink].idempotent:
            recorded: asyncio.Future[Rows] = self._loop.create_future()
            self._state.change([(BEGIN, (self._wall(), delivery.key, delivery.sink))], partial(_settle, recorded))
            delivery.withdrawn = not await recorded
        if delivery.withdrawn:
            raise WithdrawnError
        delivery.attempts += 1

    def failed(self, delivery: Delivery, fault: str) -> None:
        """An attempt failed, provably without effect or one that may be had twice; there will be another."""
        values = (delivery.attempts, fault[:MAX_FAULT], self._wall(), delivery.key, delivery.sink)
        self._state.write([(FAIL, values)])

    def done(self, delivery: Delivery, state: State, fault: str = "") -> None:
        """It has ended. KeyError where it had already."""
        self._boxes.drop(delivery)
        values = (state, delivery.attempts, fault[:MAX_FAULT], self._wall(), delivery.key, delivery.sink, state)
        if state == "delivered":
            self._state.write([(END, values)])
        else:
            self._state.change([(END, values), (COUNT_DEAD, ())], self._counted)

    # what others left, what others want

    def _recover(self, row: tuple[object, ...]) -> None:
        try:
            kept = read_row(row)
        except RowError as error:
            self._close(Closed(str(row[1]), str(row[2]), None, "failed", f"the row can't be read: {error}"), row[0])
            return
        found = verdict(kept, self._sinks.get(kept.sink), self._wall())
        if isinstance(found, Resume):
            self._boxes.release(self._held(kept, found.deadline_s))
        else:
            self._close(
                Closed(kept.command.idempotency_key, kept.sink, kept.command, found.state, found.fault), kept.number
            )

    def _close(self, closed: Closed, number: object) -> None:
        self.closed_at_start.append(closed)
        self._state.write([set_aside(closed.state, closed.fault, self._wall(), number)])

    def _held(self, kept: Kept, deadline_s: float) -> Delivery:
        now = self._loop.time()
        delivery = Delivery(kept.command, kept.sink, now, now + deadline_s, kept.attempts)
        self._boxes.hold(delivery, forced=True)
        return delivery

    def heed(self) -> None:
        """Another process has written: see what it wants."""
        self._state.change([(ASKED, ()), (HEED, ())], self._asked)
        self._count()

    def _asked(self, rows: Rows) -> None:
        for row in rows:
            try:
                kept = read_row(row)
            except RowError as error:
                log.error("A row that was changed by hand can't be read", fault=str(error))  # noqa: TRY400
                continue
            self._obey(kept, self._boxes.find(kept.command.idempotency_key, kept.sink))
            self._wake(kept.sink) if kept.sink in self._sinks else None

    def _obey(self, kept: Kept, held: Delivery | None) -> None:
        """`waiting`: it was told to be tried again. `discarded`: no attempt more than the one under way."""
        if held:
            held.withdrawn = kept.state == "discarded"
            if held.withdrawn and self._boxes.untaken(held):
                self._boxes.drop(held)
        elif kept.state == "waiting" and kept.sink in self._sinks:
            self._boxes.release(self._held(kept, self._sinks[kept.sink].options.deadline_s))
        elif kept.state == "waiting":
            fault = "the configuration has no such sink"
            self._state.write([set_aside("failed", fault, self._wall(), kept.number)])
            log.error(
                "A command that was to be tried again has no sink", sink=kept.sink, key=kept.command.idempotency_key
            )

    # housekeeping

    def _prune(self) -> None:
        self._state.write(pruning(self._wall() - self._options.keep_s, self._options.keep))
        self._count()
        self._timer = self._loop.call_later(PRUNE_S, self._prune)

    def _count(self) -> None:
        self._state.read(COUNT_DEAD, (), self._counted)

    def _counted(self, rows: Rows) -> None:
        ((self.dead,),) = rows


def _settle(future: "asyncio.Future[Rows]", rows: Rows) -> None:
    if not future.done():
        future.set_result(rows)
