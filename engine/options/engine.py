"""The rest of the parts, and the whole configuration."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from engine.options.base import Options, Positive
from engine.options.genesys import GenesysOptions
from engine.options.rules import RuleOptions
from engine.options.sinks import SinkOptions
from engine.options.speech import SpeechOptions


class ShardOptions(Options):
    """How many workers, and the shared memory of each."""

    count: int = Field(ge=1, le=256, description="Workers; default: processors available to the process.")
    rings: int = Field(128, ge=1, le=4096, description="Channels a shard can hold at once.")
    slots: int = Field(256, ge=8, le=16_384, description="Frames of 20 ms that a ring keeps.")
    start_timeout_s: Positive = Field(30.0, description="Limit for loading the model and for a worker's start.")
    hang_timeout_s: Positive = Field(2.0, description="A work loop silent for so long is taken for hung.")
    restart_limit: int = Field(
        5, ge=0, description="Restarts of one shard within restart_window_s before it is given up."
    )
    restart_window_s: Positive = Field(60.0)


class AdminOptions(Options):
    """Where metrics, health and the control API listen."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8080, ge=0, le=65_535, description="0 picks a free port (printed at start).")


class OutboxOptions(Options):
    """How many commands may wait, and how long what became of them is kept."""

    capacity: int = Field(
        10_000, ge=1, description="Commands that may wait for each sink; more are refused and counted."
    )
    keep_s: float = Field(86_400.0, ge=0, description="What has ended is forgotten after so long.")
    keep: int = Field(
        10_000, ge=0, description="And of what was delivered, and of dead letters, all but so many of the latest."
    )


class EngineOptions(Options):
    """The whole configuration, as `config.load` returns it."""

    genesys: GenesysOptions
    speech: SpeechOptions
    rules: tuple[RuleOptions, ...]
    sinks: tuple[SinkOptions, ...]
    shards: ShardOptions
    admin: AdminOptions
    outbox: OutboxOptions = OutboxOptions()
    state_dir: Path = Path("var")
    drain_s: float = Field(8.0, ge=0, le=3600, description="From SIGTERM to the end, at most.")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
