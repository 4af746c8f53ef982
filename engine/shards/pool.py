"""Who is leased where, and what is heard there.

A fresh worker is told of its shard's leases and takes each ring up from what the ring's header says, so a phrase spoken
across a worker's death is heard again; it is told what had fired, too, so that nothing fires twice. The same holds for a
session that continues another (`fired`).
A conversation that two workers died of is quarantined: no third one hears it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from engine.errors import RefusedError
from engine.options import Channel, RuleOptions, ShardOptions, SpeechOptions
from engine.shard_metrics import ShardReading
from engine.shards.feed import RingFeed
from engine.shards.fired import FiredBook, Place
from engine.shards.inside import Inside
from engine.shards.leases import LeaseBook, RingLease
from engine.shards.messages import (
    CloseRing,
    OpenRing,
    Prepare,
    Prepared,
    RingClosed,
    RingFailed,
    Spotted,
    TranscriptHeard,
)
from engine.shards.placement import Placement
from engine.shards.pool_lease import PoolLease
from engine.shards.shard import Shard, ShardState
from engine.shards.suspects import Suspects
from engine.shards.workers import Workers
from engine.speech.events import PhraseSpotted, Transcribed

log = structlog.get_logger(__name__)

OnSpotted = Callable[[str, str, Channel, PhraseSpotted], None]  # lease's key, conversation
OnChannelFailed = Callable[[str, Channel, str], None]  # lease's key; an exception's type, "ShardGivenUp" or QUARANTINED
OnTranscript = Callable[[Channel, Transcribed], None]

QUARANTINED = "Quarantined"
QUARANTINE_MAX = 1000  # conversations; the oldest is let go


@dataclass(frozen=True, slots=True)
class _Held:
    """What a living lease holds on this side."""

    feed: RingFeed
    whole: PoolLease
    on_transcript: OnTranscript | None


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
        self._workers = Workers(
            options, prepare, bury=self._bury, greet=self._greet, receive=self._receive, give_up=self._fail_all_on
        )
        self._on_spotted = on_spotted
        self._on_channel_failed = on_channel_failed
        self._leases = LeaseBook(options.rings, range(options.count))
        self.inside = Inside(self._workers, self._leases)
        self.placement = Placement(lambda: self._workers.shards, self._leases)
        self._held: dict[int, _Held] = {}  # by lease
        self._fired = FiredBook()
        self._suspects = Suspects()
        self._quarantine: dict[str, None] = {}
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
        if unheard := len(self._held):
            log.warning("channels were not heard to their ends", channels=unheard)
        for number in list(self._held):
            self._end(number, whole=False)
        return not unheard and not self._workers.killed

    @property
    def all_up(self) -> bool:
        """Whether every shard has its worker."""
        shards = self._workers.shards
        return bool(shards) and all(shard.state is ShardState.UP for shard in shards)

    @property
    def has_capacity(self) -> bool:
        """Whether one more channel would be taken."""
        return self.placement.has_room

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers alive."""
        return [shard.pid for shard in self._workers.shards if shard.pid is not None]

    def readings(self) -> Iterable[ShardReading]:
        """For the metrics."""
        return [
            shard.reading(self._queue_depth_frames(shard), self._leases.used_rings(shard.index))
            for shard in self._workers.shards
        ]

    def _queue_depth_frames(self, shard: Shard) -> int:
        return sum(self._held[lease.number].feed.queue_depth_frames for lease in self._leases.on_shard(shard.index))

    def lease(
        self,
        conversation_id: str,
        channels: tuple[Channel, ...],
        *,
        session_id: str | None = None,
        continues: Sequence[str] = (),
        on_transcript: OnTranscript | None = None,
    ) -> PoolLease:
        """Rings for a session of a conversation; RefusedError("capacity" | "draining" | "duplicate" | "quarantined").

        Without a session id the conversation has only one session, and its own id is the lease's key. `continues`: keys of
        sessions whose positions this one goes on with, and whose last audio it may bring again: what fired there fires
        nothing here. With `on_transcript` all that is said is transcribed, too.
        """
        if self._workers.stopping:
            raise RefusedError("draining", "Cueline is stopping")
        if conversation_id in self._quarantine:
            raise RefusedError("quarantined", f"conversation {conversation_id} is quarantined: two workers died of it")
        index = self.placement.shard_for(conversation_id, len(channels))
        leases = self._leases.take(conversation_id, channels, index, session_id)
        log.debug("conversation has its shard", conversation_id=conversation_id, shard=index)
        self._idle.clear()
        shard = self._workers.shards[index]
        # each feed clears its ring before the worker hears of it
        feeds = {lease.channel: RingFeed(shard.arena.ring(lease.ring), shard.doorbell, shard.lost) for lease in leases}
        whole = PoolLease(feeds, partial(self._release, leases))
        for lease in leases:
            self._fired.begin(lease.number, Place(conversation_id, lease.key, lease.channel), continues)
            self._held[lease.number] = _Held(feeds[lease.channel], whole, on_transcript)
            self._tell(shard, lease)
        return whole

    def _tell(self, shard: Shard, lease: RingLease) -> None:
        """Let the shard's worker, if it has one, hear this ring; it is told what has fired there."""
        if shard.link:
            transcribe = self._held[lease.number].on_transcript is not None
            fired_ms = self._fired.fired_ms(lease.number)
            shard.link.send(OpenRing(lease.ring, lease.number, lease.channel, fired_ms, transcribe))
            if lease.closing:
                shard.link.send(CloseRing(lease.ring, lease.number))

    def _release(self, leases: list[RingLease]) -> None:
        for lease in leases:
            if self._leases.release(lease.number):
                link = self._workers.shards[lease.shard].link
                if link:
                    link.send(CloseRing(lease.ring, lease.number))

    def _end(self, number: int, *, whole: bool) -> RingLease | None:
        """The ring may be another's from now on: what the session still pushes goes nowhere."""
        lease = self._leases.end(number)
        if lease:
            held = self._held.pop(number)
            held.feed.close()
            self._fired.end(number)
            self._suspects.forget(number)
            held.whole.ended(lease.channel, whole=whole)
        if not len(self._leases):
            self._idle.set()
        return lease

    def _bury(self, shard: Shard) -> None:
        """A worker has ended: find out what it died of, before another one hears that."""
        number, at = shard.last_heard()
        lease = self._leases.get(number)
        if lease is None:
            return
        log.warning("worker ended while it heard", conversation_id=lease.conversation_id, shard=shard.index)
        if self._suspects.convicts(number, at):
            self._put_into_quarantine(lease.conversation_id, shard)

    def _put_into_quarantine(self, conversation_id: str, shard: Shard) -> None:
        log.error(
            "conversation quarantined: two workers died of it", conversation_id=conversation_id, shard=shard.index
        )
        self._quarantine[conversation_id] = None
        if len(self._quarantine) > QUARANTINE_MAX:
            del self._quarantine[next(iter(self._quarantine))]
        for lease in self._leases.on_shard(shard.index):
            if lease.conversation_id == conversation_id:
                self._fail(lease.number, QUARANTINED)

    def _greet(self, shard: Shard) -> None:
        """Tell a fresh worker what it has to hear, and what has fired there."""
        for lease in self._leases.on_shard(shard.index):
            self._tell(shard, lease)

    def _fail_all_on(self, shard: Shard) -> None:
        """Nobody will hear this shard again."""
        for lease in self._leases.on_shard(shard.index):
            self._fail(lease.number, "ShardGivenUp")

    def _fail(self, number: int, error: str) -> None:
        lease = self._end(number, whole=False)
        if lease and not lease.closing:
            self._on_channel_failed(lease.key, lease.channel, error)

    def _receive(self, message: object) -> None:
        match message:
            case Spotted(number, event):
                held, lease = self._held.get(number), self._leases.get(number)
                if lease and held and self._fired.note(number, event):
                    held.whole.phrases += 1
                    self._on_spotted(lease.key, lease.conversation_id, lease.channel, event)
            case TranscriptHeard(number, transcript):
                held, lease = self._held.get(number), self._leases.get(number)
                if lease and held and held.on_transcript:
                    held.on_transcript(lease.channel, transcript)
            case RingClosed(_, number):
                self._end(number, whole=True)
            case RingFailed(_, number, error):
                self._fail(number, error)
            case _:
                raise TypeError(f"not for a supervisor: {type(message).__name__}")
