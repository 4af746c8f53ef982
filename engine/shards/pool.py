"""Who is leased where, and what is heard there.

A fresh worker is told of its shard's leases and takes each ring up from what the ring's header says, so a phrase spoken
across a worker's death is heard again; what had fired before has the same idempotency key and is dropped by
`commands.rules`.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import structlog

from engine.errors import RefusedError
from engine.metrics import ShardReading
from engine.options import Channel, RuleOptions, ShardOptions, SpeechOptions
from engine.shards.feed import RingFeed
from engine.shards.leases import LeaseBook, RingLease
from engine.shards.messages import CloseRing, OpenRing, Prepare, Prepared, RingClosed, RingFailed, Spotted
from engine.shards.router import choose
from engine.shards.shard import Shard, ShardState
from engine.shards.workers import Workers
from engine.speech.events import PhraseSpotted

log = structlog.get_logger(__name__)

OnSpotted = Callable[[str, Channel, PhraseSpotted], None]
OnChannelFailed = Callable[[str, Channel, str], None]  # the last is an exception's type, or "ShardGivenUp"


class PoolLease:
    """A conversation's rings, as intake sees them."""

    def __init__(self, feeds: dict[Channel, RingFeed], release: Callable[[], None]) -> None:
        self._feeds = feeds
        self._release = release

    def feed(self, channel: Channel) -> RingFeed:
        """The way in for one channel."""
        return self._feeds[channel]

    def release(self) -> None:
        """No more audio: the worker hears what is there, then the rings are free."""
        for feed in self._feeds.values():
            feed.close()
        self._release()


class Pool:
    """The shards; runs on the supervisor's loop."""

    def __init__(
        self,
        options: ShardOptions,
        speech: SpeechOptions,
        rules: Sequence[RuleOptions],
        *,
        log_level: str,
        on_spotted: OnSpotted,
        on_channel_failed: OnChannelFailed,
    ) -> None:
        rules_json = tuple(rule.model_dump_json(exclude_defaults=True) for rule in rules)
        prepare = Prepare(speech.model_dump_json(), rules_json, log_level)
        self._workers = Workers(options, prepare, greet=self._greet, receive=self._receive, give_up=self._fail_all_on)
        self._on_spotted = on_spotted
        self._on_channel_failed = on_channel_failed
        self._leases = LeaseBook(options.rings, range(options.count))
        self._feeds: dict[int, RingFeed] = {}  # by lease
        self._idle = asyncio.Event()
        self._idle.set()

    async def start(self) -> Prepared:
        """Load the model and start all workers; ModelError, VocabularyError or ConfigError where that fails."""
        return await self._workers.start()

    async def drained(self) -> None:
        """Wait until every lease has ended."""
        await self._idle.wait()

    async def stop(self, timeout_s: float) -> bool:
        """End the workers, by force after so long; nothing of them and of their leases is left afterwards.

        False where one was ended by force, or audio that came was not heard.
        """
        await self._workers.stop(timeout_s)
        if unheard := len(self._feeds):
            log.warning("channels were not heard to their ends", channels=unheard)
        for number in list(self._feeds):
            self._end(number)
        return not unheard and not self._workers.killed

    @property
    def all_up(self) -> bool:
        """Whether every shard has its worker."""
        shards = self._workers.shards
        return bool(shards) and all(shard.state is ShardState.UP for shard in shards)

    @property
    def has_capacity(self) -> bool:
        """Whether one more channel would find a ring."""
        return any(self._leases.free_rings(index) for index in self._usable())

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers alive."""
        return [shard.pid for shard in self._workers.shards if shard.pid is not None]

    def readings(self) -> Iterable[ShardReading]:
        """For the metrics."""
        return [shard.reading(self._queue_depth_frames(shard)) for shard in self._workers.shards]

    def _queue_depth_frames(self, shard: Shard) -> int:
        return sum(self._feeds[lease.number].queue_depth_frames for lease in self._leases.on_shard(shard.index))

    def lease(self, conversation_id: str, channels: tuple[Channel, ...]) -> PoolLease:
        """Rings for a conversation; RefusedError("capacity" | "draining" | "duplicate")."""
        if self._workers.stopping:
            raise RefusedError("draining", "Cueline is stopping")
        usable = self._usable()
        free = {index: self._leases.free_rings(index) for index in usable}
        used = {index: self._leases.used_rings(index) for index in usable}
        index = choose(conversation_id, free, used, len(channels))
        if index is None:
            raise RefusedError("capacity", "no shard has a free ring; raise CUELINE_SHARDS or shards.rings")
        leases = self._leases.take(conversation_id, channels, index)
        self._idle.clear()
        feeds = {lease.channel: self._open(self._workers.shards[index], lease) for lease in leases}
        return PoolLease(feeds, partial(self._release, leases))

    def _usable(self) -> list[int]:
        return [shard.index for shard in self._workers.shards if shard.state is not ShardState.GIVEN_UP]

    def _open(self, shard: Shard, lease: RingLease) -> RingFeed:
        feed = RingFeed(shard.arena.ring(lease.ring), shard.doorbell, shard.lost)  # clears it before the worker hears
        self._feeds[lease.number] = feed
        if shard.link:
            shard.link.send(OpenRing(lease.ring, lease.number, lease.channel))
        return feed

    def _release(self, leases: list[RingLease]) -> None:
        for lease in leases:
            if self._leases.release(lease.number):
                link = self._workers.shards[lease.shard].link
                if link:
                    link.send(CloseRing(lease.ring, lease.number))

    def _end(self, number: int) -> RingLease | None:
        """The ring may be another's from now on: what the conversation still pushes goes nowhere."""
        feed = self._feeds.pop(number, None)
        if feed:
            feed.close()
        lease = self._leases.end(number)
        if not len(self._leases):
            self._idle.set()
        return lease

    def _greet(self, shard: Shard) -> None:
        """Tell a fresh worker what it has to hear."""
        assert shard.link is not None
        for lease in self._leases.on_shard(shard.index):
            shard.link.send(OpenRing(lease.ring, lease.number, lease.channel))
            if lease.closing:
                shard.link.send(CloseRing(lease.ring, lease.number))

    def _fail_all_on(self, shard: Shard) -> None:
        """Nobody will hear this shard again."""
        for lease in self._leases.on_shard(shard.index):
            self._fail(lease.number, "ShardGivenUp")

    def _fail(self, number: int, error: str) -> None:
        lease = self._end(number)
        if lease and not lease.closing:
            self._on_channel_failed(lease.conversation_id, lease.channel, error)

    def _receive(self, message: object) -> None:
        match message:
            case Spotted(number, event):
                lease = self._leases.get(number)
                if lease:
                    self._on_spotted(lease.conversation_id, lease.channel, event)
            case RingClosed(_, number):
                self._end(number)
            case RingFailed(_, number, error):
                self._fail(number, error)
            case _:
                raise TypeError(f"not for a supervisor: {type(message).__name__}")
