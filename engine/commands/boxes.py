"""Deliveries in memory, one box per sink: held until they end, and in a queue once they may be taken. Pure bookkeeping.

A box that is full takes nothing more for its own sink and none of the others' room. Times are loop time, given by the caller.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.commands.command import Command


@dataclass(slots=True, eq=False)
class Delivery:
    """One command on its way to one sink. Idempotency key and sink identify it."""

    command: Command
    sink: str
    since: float  # loop time at which it was noted
    deadline: float  # loop time
    attempts: int = 0
    withdrawn: bool = False  # an operator discarded it while it was under way

    @property
    def key(self) -> str:
        """Its command's idempotency key."""
        return self.command.idempotency_key


@dataclass(slots=True)
class _Box:
    """Deliveries of one sink by idempotency key, the oldest first."""

    held: dict[str, Delivery] = field(default_factory=dict)
    ready: OrderedDict[str, Delivery] = field(default_factory=OrderedDict)


class Boxes:
    """At most `capacity` held deliveries per sink, but for those that are `forced`."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._boxes: dict[str, _Box] = {}

    def __len__(self) -> int:
        return sum(len(box.held) for box in self._boxes.values())

    def find(self, key: str, sink: str) -> Delivery | None:
        """What is held under that key for that sink."""
        box = self._boxes.get(sink)
        return box.held.get(key) if box else None

    def hold(self, delivery: Delivery, *, forced: bool = False) -> bool:
        """Keep a delivery that is not held yet; False where the box is full."""
        box = self._boxes.setdefault(delivery.sink, _Box())
        assert delivery.key not in box.held
        if len(box.held) >= self._capacity and not forced:
            return False
        box.held[delivery.key] = delivery
        return True

    def release(self, delivery: Delivery) -> None:
        """It may be taken from now on."""
        box = self._boxes[delivery.sink]
        assert delivery.key in box.held
        box.ready[delivery.key] = delivery

    def take(self, sink: str) -> Delivery | None:
        """The oldest that may be taken; it stays held."""
        box = self._boxes.get(sink)
        return box.ready.popitem(last=False)[1] if box and box.ready else None

    def untaken(self, delivery: Delivery) -> bool:
        """Whether it may be taken and has not been."""
        return delivery.key in self._boxes[delivery.sink].ready

    def drop(self, delivery: Delivery) -> None:
        """It has ended. KeyError where it is not held."""
        box = self._boxes[delivery.sink]
        del box.held[delivery.key]
        box.ready.pop(delivery.key, None)

    def ready_sinks(self) -> Iterator[str]:
        """Names of sinks for which something may be taken."""
        return iter([name for name, box in self._boxes.items() if box.ready])

    def oldest(self) -> float | None:
        """Since when the oldest is held; None without any."""
        firsts = [next(iter(box.held.values())).since for box in self._boxes.values() if box.held]
        return min(firsts, default=None)
