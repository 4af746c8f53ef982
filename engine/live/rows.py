"""What is told of the engine and its shards, in the shapes of docs/live.md. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.command_metrics import Outcome
from engine.live.ports import EngineStanding, ShardStanding
from engine.live.rings import ShardRings
from engine.options import RuleOptions

TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What does not change while the engine runs."""

    version: str
    started_at: float
    shows_text: bool
    rules: tuple[RuleOptions, ...]
    fleet: str | None = None  # its name, where this is a node

    def rows(self) -> dict[str, Any]:
        """As the state begins."""
        return {
            "version": self.version,
            "started_at": self.started_at,
            "tick_s": TICK_S,
            "shows_text": self.shows_text,
            "fleet": self.fleet,
            "rules": [
                {"name": rule.name, "phrases": list(rule.phrases), "sinks": list(rule.sinks)} for rule in self.rules
            ],
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """What the board itself has counted."""

    calls: int
    speaking: int
    without_audio: int
    phrases_total: int
    commands_total: Mapping[Outcome, int]
    loop_lag_ms: float


def engine_row(standing: EngineStanding, figures: Figures) -> dict[str, Any]:
    """ENGINE."""
    return {
        "status": standing.status,
        "conditions": dict(standing.conditions),
        "calls": figures.calls,
        "speaking": figures.speaking,
        "without_audio": figures.without_audio,
        "phrases_total": figures.phrases_total,
        "commands_total": dict(figures.commands_total),
        "refused_total": standing.refused_total,
        "outbox_pending": standing.outbox_pending,
        "outbox_dead": standing.outbox_dead,
        "outbox_oldest_s": round(standing.outbox_oldest_s, 1),
        "sinks_failing": list(standing.sinks_failing),
        "loop_lag_ms": figures.loop_lag_ms,
        "token_s": None if standing.token_s is None else round(standing.token_s, 1),
        "model": standing.model,
    }


def shard_row(standing: ShardStanding, rings: ShardRings | None) -> dict[str, Any]:
    """SHARD; `rings` once it has had any leased."""
    return {
        "shard": standing.shard,
        "up": standing.up,
        "calls": int(rings.leased.sum()) if rings else 0,
        "utilization": round(standing.utilization, 3),
        "capacity_left": round(standing.capacity_left, 3),
        "queue_frames": rings.queue_frames if rings else 0,
        "dropped": standing.dropped,
        "restarts": standing.restarts,
        "memory_mb": standing.memory_mb,
    }
