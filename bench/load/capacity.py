"""Raise the load until the criterion breaks, in bounded time, and keep every point."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.load.point import Point
from bench.load.search import Search
from bench.load.subject import Subject
from engine.errors import DemoError

OnPoint = Callable[[Point], None]


@dataclass(slots=True)
class Capacity:
    """What was found so far; `settled` when the search came to its end."""

    subject: str
    points: list[Point] = field(default_factory=list)
    settled: bool = False

    @property
    def held(self) -> Point | None:
        """The greatest load that met the criterion."""
        return max((point for point in self.points if not point.broken), key=lambda point: point.calls, default=None)

    @property
    def broke(self) -> Point | None:
        """The least load above it that did not."""
        beyond = self.held.calls if self.held else 0
        over = (point for point in self.points if point.broken and point.calls > beyond)
        return min(over, key=lambda point: point.calls, default=None)


async def find_capacity(
    subject: Subject, search: Search, seconds: float, seconds_max: float, found: Capacity, on_point: OnPoint
) -> None:
    """Fill `found`, which keeps what there is also when this is cancelled. A load that can't be played counts as broken."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        calls = search.next()
        if calls is None:
            found.settled = True
            return
        point = await measured(subject, calls, seconds)
        found.points.append(point)
        on_point(point)
        search.note(calls, not point.broken)


async def measure_all(
    subject: Subject, loads: tuple[int, ...], seconds: float, found: Capacity, on_point: OnPoint
) -> None:
    """The same for given loads."""
    for calls in loads:
        found.points.append(await measured(subject, calls, seconds))
        on_point(found.points[-1])
    found.settled = True


async def measured(subject: Subject, calls: int, seconds: float) -> Point:
    """A measurement, or a point that says why there is none."""
    try:
        return await subject.measure(calls, seconds)
    except DemoError as error:
        return Point.failed(calls, str(error).splitlines()[0])
