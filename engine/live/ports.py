"""What the live view asks of the rest of the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.audio.arena import Arena
from engine.metrics import ConversationState, Source
from engine.options import Channel


class Feed(Protocol):
    """Who follows."""

    @property
    def followed(self) -> bool:
        """Whether anybody does."""
        ...

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell them all; never waits."""
        ...


class Info(Protocol):
    """A conversation at a change of its state."""

    @property
    def conversation_id(self) -> str: ...  # noqa: D102 - the name says it

    @property
    def session_id(self) -> str | None: ...  # noqa: D102 - of AudioHook

    @property
    def source(self) -> Source: ...  # noqa: D102

    @property
    def state(self) -> ConversationState: ...  # noqa: D102

    @property
    def reason(self) -> str | None: ...  # noqa: D102 - once it has left

    @property
    def gap_ms(self) -> int: ...  # noqa: D102

    @property
    def reconnects(self) -> int: ...  # noqa: D102


class Leased(Protocol):
    """One channel's ring, from the lease until its worker has let go."""

    @property
    def number(self) -> int: ...  # noqa: D102 - never used twice

    @property
    def shard(self) -> int: ...  # noqa: D102

    @property
    def ring(self) -> int: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102 - of the call

    @property
    def channel(self) -> Channel: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class EngineStanding:
    """How the engine as a whole stands now."""

    status: str  # ready, not ready, draining
    conditions: Mapping[str, bool]
    refused_total: int
    outbox_pending: int
    outbox_dead: int
    outbox_oldest_s: float
    sinks_failing: Sequence[str]
    token_s: float | None  # None without a token
    model: str


@dataclass(frozen=True, slots=True)
class ShardStanding:
    """How one shard stands now."""

    shard: int
    up: bool
    utilization: float  # 0 to 1
    capacity_left: float  # 0 to 1
    dropped: int
    restarts: int
    memory_mb: float | None


class Standing(Protocol):
    """Who knows both, and more."""

    def engine(self) -> EngineStanding:
        """The whole."""
        ...

    def shards(self) -> Sequence[ShardStanding]:
        """Each shard, in the order of their numbers."""
        ...

    def info(self, key: str) -> Info | None:
        """A conversation that is followed now."""
        ...

    def arena(self, shard: int) -> Arena:
        """A shard's memory."""
        ...
