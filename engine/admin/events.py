"""What happens in the engine, as a stream that many may follow: the console and `GET /v1/events`.

`publish` never waits. Each follower has a queue of its own; who is slow loses the oldest, is told how many, and it is
counted. The latest events are kept, so that a follower who comes back continues where it was.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from engine.errors import RefusedError

KEPT = 256  # events for followers who come back
WAITING = 256  # events per follower
FOLLOWERS = 32


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened; numbers count up from 1 in the life of a process."""

    number: int
    kind: str
    data: bytes  # JSON


class Follower:
    """One reader's queue. Close it when done."""

    def __init__(self, stream: "EventStream", backlog: list[Event]) -> None:
        self._stream = stream
        self._queue = deque(backlog, WAITING)
        self._wake = asyncio.Event()
        self._lost = 0
        self.closed = False

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None when there was none in time, or the stream is closed."""
        if not self._queue and not self.closed:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return None
        return self._queue.popleft() if self._queue else None

    def take_lost(self) -> int:
        """How many events were lost since the last call."""
        lost, self._lost = self._lost, 0
        return lost

    def put(self, event: Event) -> bool:
        """Queue it; False where the oldest had to go."""
        full = len(self._queue) == WAITING
        self._lost += full
        self._queue.append(event)
        self._wake.set()
        return not full

    def close(self) -> None:
        """Follow no more; a waiting `next` returns."""
        self.closed = True
        self._wake.set()
        self._stream.forget(self)


class EventStream:
    """Publish to all followers. One event loop, no locks."""

    def __init__(self, on_lost: Callable[[], None] = lambda: None) -> None:
        self._on_lost = on_lost
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._followers: set[Follower] = set()
        self._number = 0
        self._closed = False

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell all followers; never waits. `data` holds no words that were said, no numbers, no secrets."""
        self._number += 1
        event = Event(self._number, kind, orjson.dumps(data, default=str))
        self._kept.append(event)
        for follower in self._followers:
            if not follower.put(event):
                self._on_lost()

    def follow(self, after: int | None = None) -> Follower:
        """From now on, or from after that number as far as it is kept. RefusedError("capacity" | "draining")."""
        if self._closed:
            raise RefusedError("draining", "the engine is stopping")
        if len(self._followers) >= FOLLOWERS:
            raise RefusedError("capacity", f"{FOLLOWERS} followers read events already; close one")
        backlog = [] if after is None else [event for event in self._kept if event.number > after]
        follower = Follower(self, backlog)
        self._followers.add(follower)
        return follower

    def forget(self, follower: Follower) -> None:
        """A follower has closed."""
        self._followers.discard(follower)

    def close(self) -> None:
        """End all followers' streams and take no more."""
        self._closed = True
        for follower in tuple(self._followers):
            follower.close()
