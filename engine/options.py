"""Every setting as one frozen object per part; units stand in the names.

Pure nouns: `config.py` fills them from environment and TOML, everything else only reads them.
Bounds and descriptions live here once; error messages and the configuration reference are made from them.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

FRAME_MS = 20

Channel = Literal["external", "internal"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0)]
HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+.*$")]
Profile = Literal["low-latency", "balanced", "throughput", "model"]
PROFILES: dict[Profile, int | None] = {"low-latency": 12, "balanced": 18, "throughput": 36, "model": None}
SocketUrl = Annotated[str, StringConstraints(pattern=r"^wss?://[^\s/]+.*$")]


class Options(BaseModel):
    """Base of all option objects: frozen, unknown names refused, every number finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GenesysOptions(Options):
    """Where Genesys Cloud is and who we are there."""

    client_id: str = Field(min_length=1, description="OAuth client id (client credentials grant).")
    client_secret: SecretStr = Field(min_length=1, description="OAuth client secret.")
    region: str = Field("mypurecloud.com", description="Region's domain.")
    login_url: HttpUrl = Field(description="OAuth server; default https://login.<region>.")
    api_url: HttpUrl = Field(description="Platform API; default https://api.<region>.")
    realtime_url: SocketUrl = Field(
        description="Real-time socket; default wss://api.<region>/api/v2/interactions/realtime."
    )
    conversation_ids: tuple[ConversationId, ...] = Field((), description="Conversations to follow from the start.")
    connect_timeout_s: Positive = Field(10.0, description="Limit for the socket's opening and for each answer on it.")
    request_timeout_s: Positive = Field(15.0, description="Limit for one platform API request.")
    reconnect_tries: int = Field(5, ge=0, le=100, description="Tries in a row before a conversation is given up.")
    reconnect_base_s: Positive = Field(2.0, description="First pause between tries; doubles each time, with jitter.")
    reconnect_max_s: Positive = Field(60.0, description="Longest pause between tries.")
    ping_interval_s: Positive = Field(
        15.0, description="WebSocket ping period; a peer that misses one whole period is dropped."
    )


class SpeechOptions(Options):
    """What a worker needs to hear phrases."""

    model_path: Path = Field(description="Folder of the Vosk model.")
    decoding: Literal["grammar", "free"] = Field(
        "grammar",
        description="`grammar`: only the rules' phrases can be heard; `free`: any words, 2 to 20 times dearer.",
    )
    profile: Profile = Field(
        "balanced",
        description="Audio computed at once: 120, 180, 360 ms, or the model's own. Less reacts sooner, more is cheaper.",
    )
    frames_per_chunk: int | None = Field(
        None, ge=1, le=300, description="The same in steps of 10 ms, instead of the profile's."
    )
    beam: float | None = Field(
        10.0, gt=0, le=100, description="How much less likely than the best a path may be and still be followed."
    )
    lattice_beam: float | None = Field(
        2.0, gt=0, le=100, description="The same for what word confidences are worked out from."
    )
    min_active: int | None = Field(
        50,
        ge=1,
        le=10_000,
        description="Fewest decoder states kept. Small grammars need few: with a model's own 200 the beam never prunes them.",
    )
    background_words: Literal["english"] | tuple[str, ...] = Field(
        "english",
        description="Words that compete with the phrases in a grammar, against false alarms: a built-in list, or your own.",
    )
    vad_mode: int = Field(3, ge=0, le=3, description="webrtcvad aggressiveness.")
    onset_ms: int = Field(60, ge=FRAME_MS, le=1000, description="Voiced audio in a row that opens an utterance.")
    preroll_ms: int = Field(300, ge=0, le=2000, description="Audio before the onset that the recognizer hears too.")
    hangover_ms: int = Field(400, ge=FRAME_MS, le=3000, description="Unvoiced audio in a row that ends an utterance.")
    max_utterance_ms: int = Field(20_000, ge=1000, le=120_000, description="An utterance is cut here.")
    recognizer_max_utterances: int = Field(200, ge=1, description="A recognizer is replaced after so many utterances.")

    @property
    def chunk_frames(self) -> int | None:
        """Kaldi's `frames-per-chunk` (steps of 10 ms): what is set, else the profile's; None leaves the model's."""
        return self.frames_per_chunk or PROFILES[self.profile]


class RuleOptions(Options):
    """One rule: what to hear, when it counts, and which sinks it goes to."""

    name: Name = Field(description="Unique; a metric label and part of the idempotency key.")
    phrases: tuple[Phrase, ...] = Field(
        min_length=1, description='Phrases, or regular expressions with match = "regex".'
    )
    match: str = Field(
        "phrase",
        pattern=r"^(phrase|exact|regex|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)$",
        description="`phrase` (whole words within the talk), `exact` (the whole utterance), `regex`, or `module:callable`.",
    )
    hear: tuple[Phrase, ...] = Field(
        (), description="Phrases put into the grammar for `regex` and `module:callable` rules."
    )
    fire_on: Literal["partial", "final"] = Field(
        "partial", description="As soon as heard, or at the end of the utterance."
    )
    stable_ms: int = Field(
        100,
        ge=0,
        le=5000,
        description='With fire_on = "partial": how long the phrase must stay in the hypothesis before it counts.',
    )
    min_confidence: float = Field(0.0, ge=0, le=1, description='Least mean word confidence; needs fire_on = "final".')
    channel: Channel | Literal["any"] = Field("any", description="`external` (customer), `internal` (agent) or `any`.")
    refractory_s: float = Field(2.0, ge=0, le=3600, description="Silence of this rule on a channel after it fired.")
    sinks: tuple[Name, ...] = Field(("log",), description="Names of sinks.")

    @model_validator(mode="after")
    def _confidence_needs_final(self) -> Self:
        if self.min_confidence > 0 and self.fire_on == "partial":
            raise ValueError('min_confidence needs fire_on = "final" (partial hypotheses carry no reliable confidence)')
        return self


class SinkBase(Options):
    """What all sinks share."""

    name: Name
    concurrency: int = Field(4, ge=1, le=64, description="Deliveries at once.")
    timeout_s: Positive = Field(5.0, description="Limit for one attempt.")
    deadline_s: Positive = Field(60.0, description="Limit for all attempts of one delivery.")


class LogSink(SinkBase):
    """A line in the log, without the words that were said."""

    type: Literal["log"] = "log"


class FileSink(SinkBase):
    """JSON lines in a file; the same body as the webhook's."""

    type: Literal["file"] = "file"
    path: Path


class WebhookSink(SinkBase):
    """HTTP POST of a CloudEvent, signed as Standard Webhooks do when a secret is set."""

    type: Literal["webhook"] = "webhook"
    url: HttpUrl
    secret: SecretStr | None = Field(None, description="`whsec_` + base64 (or plain text) signing key.")


Target = Literal["customer", "agent"]


class TransferSink(SinkBase):
    """Blind transfer of the call: exactly one of queue_id, user_id, address."""

    type: Literal["genesys.transfer"] = "genesys.transfer"
    queue_id: str | None = None
    user_id: str | None = None
    address: str | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(value is not None for value in (self.queue_id, self.user_id, self.address)) != 1:
            raise ValueError("give exactly one of queue_id, user_id, address")
        return self


class DisconnectSink(SinkBase):
    """Hang up one participant."""

    type: Literal["genesys.disconnect"] = "genesys.disconnect"
    participant: Target = "customer"


class AttributesSink(SinkBase):
    """Set participant attributes; `{phrase}`, `{rule}`, `{spotted_at}` in values are filled in."""

    type: Literal["genesys.attributes"] = "genesys.attributes"
    participant: Target = "customer"
    attributes: dict[str, str] = Field(min_length=1)


class PythonSink(SinkBase):
    """Call `module:callable(body: dict) -> None` in a thread."""

    type: Literal["python"] = "python"
    entry_point: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")


SinkOptions = Annotated[
    LogSink | FileSink | WebhookSink | TransferSink | DisconnectSink | AttributesSink | PythonSink,
    Field(discriminator="type"),
]


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
    """How many commands may wait."""

    capacity: int = Field(
        10_000, ge=1, description="Commands that may wait for their sinks; more are refused and counted."
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
