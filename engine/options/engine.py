"""The rest of the parts, and the whole configuration."""

from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, SecretStr, field_validator, model_validator

from engine.options.audiohook import AudioHookOptions
from engine.options.base import Channel, HttpUrl, Options, Positive, on_loopback
from engine.options.discovery import DiscoveryOptions
from engine.options.fleet import FleetOptions
from engine.options.genesys import GenesysOptions
from engine.options.rules import RuleOptions
from engine.options.sinks import SinkOptions
from engine.options.speech import SpeechOptions


class ShardOptions(Options):
    """How many workers, and the shared memory of each."""

    count: int = Field(ge=1, le=256, description="Workers; default: processors available to the process.")
    rings: int = Field(512, ge=1, le=4096, description="Channels a shard can hold at once.")
    slots: int = Field(256, ge=8, le=16_384, description="Frames of 20 ms that a ring keeps.")
    start_timeout_s: Positive = Field(30.0, description="Limit for loading the model and for a worker's start.")
    max_utilization: float = Field(
        0.75, gt=0, le=1, description="Share of a shard's time that calls may take; what would pass it is refused."
    )
    hang_timeout_s: Positive = Field(
        1.5,
        description="A work loop silent for so long is taken for hung; five times as long while it lacks a processor.",
    )
    restart_limit: int = Field(
        5, ge=0, description="Restarts of one shard within restart_window_s before it is given up for that long."
    )
    restart_window_s: Positive = Field(
        60.0, description="The time in which restarts are counted, and for which a shard given up is left alone."
    )


class AdminOptions(Options):
    """Where metrics, health and the control API listen, and who may use them."""

    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on; beyond this machine with a token.")
    port: int = Field(8080, ge=0, le=65_535, description="0 picks a free port (printed at start).")
    token: SecretStr | None = Field(
        None, min_length=16, description="What `Authorization: Bearer` has to carry: at least 16 characters."
    )
    tls_cert: Path | None = Field(None, description="Certificate chain, PEM; with tls_key the API speaks TLS.")
    tls_key: Path | None = Field(None, description="Its private key, PEM, without a password.")
    open_metrics: bool = Field(False, description="GET /metrics without the token.")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return on_loopback(self.host)

    @field_validator("token")
    @classmethod
    def _fits_a_header(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value() if token else "x"
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise ValueError("must be printable ASCII without spaces; `openssl rand -hex 32` makes one")
        return token

    @model_validator(mode="after")
    def _closed_to_strangers(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("CUELINE_ADMIN_TLS_CERT and CUELINE_ADMIN_TLS_KEY go together; set both or none")
        if not self.on_loopback and self.token is None:
            raise ValueError(
                f"CUELINE_ADMIN_HOST = {self.host} can be reached from other machines: set CUELINE_ADMIN_TOKEN "
                "(or CUELINE_ADMIN_TOKEN_FILE) too, or listen on 127.0.0.1"
            )
        return self


class ConsoleOptions(Options):
    """What people who watch may see."""

    show_text: bool = Field(
        False, description="Show the text in which a phrase was found, to who may use the admin API. Never logged."
    )


class OutboxOptions(Options):
    """How many commands may wait, and how long what became of them is kept."""

    capacity: int = Field(
        10_000, ge=1, description="Commands that may wait for each sink; more are refused and counted."
    )
    keep_s: float = Field(86_400.0, ge=0, description="What has ended is forgotten after so long.")
    keep: int = Field(
        10_000, ge=0, description="And of what was delivered, and of dead letters, all but so many of the latest."
    )


class TelemetryOptions(Options):
    """OpenTelemetry traces of commands; needs the extra `otel`. The standard's other OTEL_ names hold too."""

    otlp_endpoint: HttpUrl | None = Field(
        None, description="Collector's address (OTLP over HTTP, `/v1/traces` is added); without one nothing is traced."
    )


class EngineOptions(Options):
    """The whole configuration, as `config.load` returns it."""

    genesys: GenesysOptions
    speech: SpeechOptions
    rules: tuple[RuleOptions, ...]
    sinks: tuple[SinkOptions, ...]
    shards: ShardOptions
    admin: AdminOptions
    console: ConsoleOptions = ConsoleOptions()
    outbox: OutboxOptions = OutboxOptions()
    audiohook: AudioHookOptions = AudioHookOptions()
    fleet: FleetOptions = FleetOptions()
    discovery: DiscoveryOptions = DiscoveryOptions()
    telemetry: TelemetryOptions = TelemetryOptions()
    state_dir: Path = Field(
        Path("var"),
        description="Undelivered commands, followed calls, pulled models: one engine's own folder, on a local disk.",
    )
    drain_s: float = Field(8.0, ge=0, le=3600, description="From SIGTERM to the end, at most.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")

    @property
    def heard_channels(self) -> frozenset[Channel]:
        """Channels that some rule listens to."""
        return frozenset(
            channel for channel in get_args(Channel) for rule in self.rules if rule.channel in ("any", channel)
        )
