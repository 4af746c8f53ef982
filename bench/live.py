"""What the live view costs the supervisor's loop at 1,000 calls of two channels: a look, a tick, the state.

`python -m bench.live` prints CPU milliseconds, the fastest and the mean of many. Between two looks one channel in fifteen begins
or ends to speak: each does so every three seconds.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from engine.audio.arena import Arena
from engine.audio.ring import Word
from engine.intake.conversation import ConversationInfo
from engine.live.board import LOOKS_PER_S, Board
from engine.live.ports import EngineStanding, ShardStanding
from engine.live.rows import Setting
from engine.options import Channel
from engine.shards.leases import LeaseBook, RingLease

CALLS = 1000
SHARDS = 2
CHANNELS: tuple[Channel, ...] = ("external", "internal")
TURNING = 1 / 15
WAITING = 0.3  # share of channels whose last frame is not heard yet
FRAMES = 10  # between two looks


class Stands:
    """An engine that stands still."""

    def __init__(self) -> None:
        self.arenas = [Arena.create(CALLS, 256) for _ in range(SHARDS)]

    def engine(self) -> EngineStanding:
        """Nothing special."""
        return EngineStanding("ready", {"shards_up": True}, 0, 0, 0, 0.0, (), 80_000.0, "model")

    def shards(self) -> list[ShardStanding]:
        """All well."""
        return [ShardStanding(shard, True, 0.5, 0.2, 0, 0, 200.0) for shard in range(SHARDS)]

    def info(self, key: str) -> ConversationInfo | None:  # noqa: ARG002 (as Standing)
        """None: nothing is missed here."""
        return None

    def arena(self, shard: int) -> Arena:
        """A shard's memory."""
        return self.arenas[shard]


class Feed:
    """One reader."""

    def __init__(self, *, followed: bool) -> None:
        self.followed = followed
        self.sent = 0

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:  # noqa: ARG002 (as Feed)
        """As the stream does it."""
        self.sent = len(orjson.dumps(data, default=str))


class Plant:
    """The calls, and what happens to them between two looks."""

    def __init__(self, *, followed: bool) -> None:
        self.feed = Feed(followed=followed)
        stands = Stands()
        self.board = Board(Setting("0", 0.0, False, ()), stands, self.feed, lambda _source, _count: None)
        book = LeaseBook(CALLS, range(SHARDS))
        book.watcher = self.board
        leases = [lease for number in range(CALLS) for lease in self._call(book, number)]
        self._rings = [stands.arenas[lease.shard].ring(lease.ring) for lease in leases]
        self._headers = [ring.header.data for ring in self._rings]
        self._chance = random.Random(1)

    def _call(self, book: LeaseBook, number: int) -> list[RingLease]:
        key = f"{number:08d}-0000-4000-8000-000000000000"
        leases = book.take(key, CHANNELS, number % SHARDS, key)
        self.board.conversation(
            ConversationInfo(key, "audiohook", "listening", None, None, "", 0, 0, 0, session_id=key)
        )
        return leases

    def go_on(self) -> None:
        """A fifth of a second passes for all channels."""
        now_ns = time.monotonic_ns()
        for ring, header in zip(self._rings, self._headers, strict=True):
            header[Word.HEAD] += FRAMES
            ring.arrivals_ns[(header[Word.HEAD] - 1) % ring.slots] = now_ns
            header[Word.TAIL] = header[Word.HEAD] - (self._chance.random() < WAITING)
        for header in self._chance.sample(self._headers, int(TURNING * len(self._headers))):
            header[Word.SAFE] = header[Word.TAIL]
            header[Word.UTTERANCE] = 0 if header[Word.UTTERANCE] else header[Word.TAIL] + 1

    def second(self) -> None:
        """All looks of a second."""
        for _ in range(LOOKS_PER_S):
            self.go_on()
            self.look()

    def look(self) -> None:
        """One look."""
        self.board.look(time.monotonic_ns())

    def tick(self) -> None:
        """One tick."""
        self.board.tick(time.time(), time.monotonic_ns())

    def state(self) -> None:
        """The whole, for one that connects."""
        self.feed.publish("state", self.board.state())


def cost(work: Callable[[], None], before: Callable[[], None], rounds: int = 60) -> str:
    """CPU milliseconds of `work`, each time after `before`."""
    costs = []
    for _ in range(rounds):
        before()
        begun = time.thread_time_ns()
        work()
        costs.append((time.thread_time_ns() - begun) / 1e6)
    return f"{min(costs):.2f} / {sum(costs) / rounds:.2f} ms"


def main() -> None:
    """Print the table."""
    alone, followed = Plant(followed=False), Plant(followed=True)
    print(f"{CALLS} calls of {len(CHANNELS)} channels, fastest / mean")
    print("look                ", cost(alone.look, alone.go_on))
    print("tick, no reader     ", cost(alone.tick, alone.second))
    print("tick, with readers  ", cost(followed.tick, followed.second), f"{followed.feed.sent / 1000:.0f} KB")
    print("state, for a reader ", cost(followed.state, followed.second), f"{followed.feed.sent / 1000:.0f} KB")


if __name__ == "__main__":
    main()
