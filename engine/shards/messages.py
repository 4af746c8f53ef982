"""All that supervisor, fork server and workers say to each other: imperative down, past tense up.

`lease` is a number never used twice; it guards against a late word about a ring that has since been leased again.
"""

from dataclasses import dataclass, field

from engine.options import Channel
from engine.packets import PacketCodec
from engine.speech.events import PhraseSpotted, Transcribed

# supervisor → fork server


@dataclass(frozen=True, slots=True)
class Prepare:
    """Load the model and check the rules; options as JSON of their pydantic models."""

    speech: str
    rules: tuple[str, ...]
    log_level: str


@dataclass(frozen=True, slots=True)
class ForkWorker:
    """Fork one. Comes with three descriptors: its socket, its arena, its doorbell."""

    shard: int
    generation: int
    rings: int
    slots: int


# fork server → supervisor


@dataclass(frozen=True, slots=True)
class Prepared:
    """The model is loaded."""

    load_ms: int
    threads: int


@dataclass(frozen=True, slots=True)
class PrepareFailed:
    """It can't be; `kind` is model, vocabulary or config."""

    kind: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerForked:
    """It runs."""

    shard: int
    generation: int
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """It is gone; `status` as `os.waitstatus_to_exitcode` gives it (negative: a signal)."""

    pid: int
    status: int


# supervisor → worker


@dataclass(frozen=True, slots=True)
class OpenRing:
    """Hear this ring, from where its header says."""

    ring: int
    lease: int
    channel: Channel
    fired_ms: dict[str, int] = field(default_factory=dict)  # by rule: where a predecessor's last firing was
    transcribe: bool = False


@dataclass(frozen=True, slots=True)
class CloseRing:
    """No more will be written: hear the rest and let go."""

    ring: int
    lease: int


@dataclass(frozen=True, slots=True)
class Drain:
    """Hear all rings to their heads, then end."""


# worker → supervisor


@dataclass(frozen=True, slots=True)
class Spotted:
    """A phrase was heard."""

    lease: int
    event: PhraseSpotted


@dataclass(frozen=True, slots=True)
class TranscriptHeard:
    """Something was said; only on rings that were opened to be transcribed."""

    lease: int
    transcript: Transcribed


@dataclass(frozen=True, slots=True)
class RingClosed:
    """The ring was heard to its end."""

    ring: int
    lease: int


@dataclass(frozen=True, slots=True)
class RingFailed:
    """Something broke on this channel; the others go on. `error` is a type's name."""

    ring: int
    lease: int
    error: str


SERVER_CODEC = PacketCodec(Prepare | ForkWorker | Prepared | PrepareFailed | WorkerForked | WorkerExited)
WORKER_CODEC = PacketCodec(OpenRing | CloseRing | Drain | Spotted | TranscriptHeard | RingClosed | RingFailed)
