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
WAITING_BYTES = 4 << 20  # the same in bytes; followers share what waits
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
        self._queue = deque(backlog)
        self._bytes = sum(len(event.data) for event in backlog)
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
        return self._pop() if self._queue else None

    def _pop(self) -> Event:
        event = self._queue.popleft()
        self._bytes -= len(event.data)
        return event

    def take_lost(self) -> int:
        """How many events were lost since the last call."""
        lost, self._lost = self._lost, 0
        return lost

    def put(self, event: Event) -> bool:
        """Queue it; False where the oldest had to go. One event always has room."""
        self._queue.append(event)
        self._bytes += len(event.data)
        self._wake.set()
        before = self._lost
        while len(self._queue) > WAITING or (self._bytes > WAITING_BYTES and len(self._queue) > 1):
            self._pop()
            self._lost += 1
        return self._lost == before

    def close(self) -> None:
        """Follow no more; a waiting `next` returns."""
        self.closed = True
        self._wake.set()
        self._stream.forget(self)


class EventStream:
    """Publish to all followers. One event loop, no locks."""

    def __init__(self, on_lost: Callable[[], None] = lambda: None, *, kept: int = KEPT) -> None:
        self._on_lost = on_lost
        self._kept: deque[Event] = deque(maxlen=kept)
        self._followers: set[Follower] = set()
        self._number = 0
        self._closed = False

    @property
    def followed(self) -> bool:
        """Whether anybody follows."""
        return bool(self._followers)

    @property
    def number(self) -> int:
        """That of the latest event; 0 before the first."""
        return self._number

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
