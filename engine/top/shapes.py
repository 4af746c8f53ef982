"""What the live feed says (docs/live.md), as frozen objects. Pure.

Lenient on purpose: keys that the picture does not need are ignored, and what an engine of another version leaves out counts as
nothing. What is there has to be of the right type.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SERIES_KEPT = 300  # ten minutes, a value every two seconds


class Shape(BaseModel):
    """Frozen and lenient."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Engine(Shape):
    """The whole engine now."""

    status: str = "not ready"  # ready, not ready, draining
    conditions: dict[str, bool] = {}
    calls: int = 0
    speaking: int = 0  # channels with an open utterance
    without_audio: int = 0  # calls
    phrases_total: int = 0
    commands_total: dict[str, int] = {}  # by outcome
    refused_total: int = 0
    outbox_pending: int = 0
    outbox_dead: int = 0
    outbox_oldest_s: float | None = None
    sinks_failing: tuple[str, ...] = ()
    loop_lag_ms: float = 0.0
    token_s: float | None = None
    model: str = ""


class Shard(Shape):
    """One worker."""

    shard: int
    up: bool = True
    calls: int = 0  # channels leased
    utilization: float = 0.0
    capacity_left: float = 0.0
    queue_frames: int = 0
    dropped: int = 0
    restarts: int = 0
    memory_mb: float | None = None


class CallChannel(Shape):
    """One side of a call."""

    channel: str = "external"
    speaking: bool = False
    late_ms: int = 0  # how long the oldest frame not yet heard has waited


class Call(Shape):
    """One call that is followed."""

    key: str
    conversation_id: str = ""
    source: str = ""
    state: str = ""
    reason: str | None = None
    begun: float = 0.0  # unix s
    shard: int | None = None
    gap_ms: int = 0
    reconnects: int = 0
    phrases: int = 0
    without_audio: bool = False
    channels: tuple[CallChannel, ...] = ()

    @property
    def late_ms(self) -> int:
        """Of its worst channel."""
        return max((each.late_ms for each in self.channels), default=0)


class Delivery(Shape):
    """What became of a phrase's command at one sink."""

    sink: str = ""
    outcome: str = ""
    latency_ms: int | None = None


class Phrase(Shape):
    """A spotted phrase."""

    id: str
    at: float = 0.0  # unix s
    conversation_id: str = ""
    channel: str = ""
    rule: str = ""
    phrase: str = ""
    confidence: float | None = None
    latency_ms: int | None = None
    text: str | None = None
    deliveries: tuple[Delivery, ...] = ()


class Rule(Shape):
    """What is listened for, and where it leads."""

    name: str
    sinks: tuple[str, ...] = ()


Values = dict[str, list[float | None]]


class State(Shape):
    """All of it, at the beginning of a connection."""

    at: float
    version: str = ""
    started_at: float = 0.0
    shows_text: bool = False
    rules: tuple[Rule, ...] = ()
    engine: Engine = Engine()
    shards: tuple[Shard, ...] = ()
    calls: tuple[Call, ...] = ()
    phrases: tuple[Phrase, ...] = ()
    history: Values = {}


class Tick(Shape):
    """What has changed since the last one."""

    at: float
    engine: Engine = Engine()
    shards: tuple[Shard, ...] = ()
    calls: tuple[Call, ...] = ()
    left: tuple[str, ...] = ()
    sample: dict[str, float | None] | None = None


class Outcome(Delivery):
    """A command's outcome, as it is told on its own."""

    id: str  # the phrase's


class Lost(Shape):
    """The reader was too slow for so many events."""

    events: int = Field(0, ge=0)


Kind = Literal["state", "tick", "phrase", "command", "lost"]
