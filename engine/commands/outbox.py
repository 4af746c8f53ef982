"""Where commands wait for their sinks.

One command becomes one delivery per sink. A delivery is waiting, then under way, then done; it stays pending until done,
so nothing is lost between `take` and `done`. Each sink has a box of its own: one that is full refuses only its own.

The Protocol has room for a durable outbox: `put` and `done` only note (a writer thread commits), a delivery can be taken
once its command is committed, and `listen` tells when that is. The one in memory has nothing to commit and knows no
clock, no loop and no I/O.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine.commands.command import Command
from engine.metrics import Outcome


@dataclass(frozen=True, slots=True)
class Delivery:
    """One command on its way to one sink. Idempotency key and sink identify it."""

    command: Command
    sink: str


class Outbox(Protocol):
    """Keeps deliveries until they are done. Called from one thread; no call waits."""

    @property
    def pending(self) -> int:
        """Deliveries waiting or under way."""
        ...

    def listen(self, wake: Callable[[str], None]) -> None:
        """Call `wake(sink)` from the same thread whenever there may be something new for `take(sink)`.

        An outbox that starts with deliveries of an earlier run wakes their sinks at once.
        """
        ...

    def put(self, command: Command) -> tuple[str, ...]:
        """Accept a command; return the sinks whose box is full and that won't get it. The caller counts them.

        A command that is pending already is accepted and adds nothing. Nothing of a command can be taken before the
        outbox is sure of it.
        """
        ...

    def take(self, sink: str) -> Delivery | None:
        """The sink's oldest waiting delivery, under way from now on; None when none can be taken.

        An outbox that must first record that an effect begins notes it, answers None and wakes the sink when it is sure.
        """
        ...

    def done(self, delivery: Delivery, outcome: Outcome) -> None:
        """End a delivery that is under way. KeyError for any other."""
        ...


@dataclass(slots=True)
class _Box:
    """Deliveries of one sink by idempotency key."""

    waiting: OrderedDict[str, Delivery] = field(default_factory=OrderedDict)
    under_way: dict[str, Delivery] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.under_way)

    def __contains__(self, key: str) -> bool:
        return key in self.waiting or key in self.under_way


class MemoryOutbox:
    """An outbox that ends with the process: at most `capacity` pending deliveries per sink."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._boxes: dict[str, _Box] = {}
        self._wake: Callable[[str], None] = _nobody

    @property
    def pending(self) -> int:
        """Deliveries waiting or under way."""
        return sum(map(len, self._boxes.values()))

    def listen(self, wake: Callable[[str], None]) -> None:
        """See Outbox."""
        self._wake = wake
        for sink, box in self._boxes.items():
            if box.waiting:
                wake(sink)

    def put(self, command: Command) -> tuple[str, ...]:
        """See Outbox."""
        refused = tuple(sink for sink in dict.fromkeys(command.sinks) if not self._accept(command, sink))
        for sink in command.sinks:
            self._wake(sink)
        return refused

    def _accept(self, command: Command, sink: str) -> bool:
        box, key = self._boxes.setdefault(sink, _Box()), command.idempotency_key
        if key in box:
            return True
        if len(box) >= self._capacity:
            return False
        box.waiting[key] = Delivery(command, sink)
        return True

    def take(self, sink: str) -> Delivery | None:
        """See Outbox."""
        box = self._boxes.get(sink)
        if box is None or not box.waiting:
            return None
        key, delivery = box.waiting.popitem(last=False)
        box.under_way[key] = delivery
        return delivery

    def done(self, delivery: Delivery, outcome: Outcome) -> None:  # noqa: ARG002 - a durable outbox keeps it
        """See Outbox."""
        del self._boxes[delivery.sink].under_way[delivery.command.idempotency_key]


def _nobody(sink: str) -> None:
    """Nobody listens yet."""
