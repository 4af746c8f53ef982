"""Settings of the simulator as frozen objects; units stand in the names.

`DeliveryOptions` says how one call's audio is cut and paced, `CallOptions` what one call is, `SimulatorOptions` the rest.
Pure nouns: nothing here reads a file or a clock.
"""

from pathlib import Path
from typing import Annotated, Literal
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field

from engine.options import Channel, ConversationId, Options, Positive

SAMPLE_RATE = 8000
SAMPLE_BYTES = 2
NS_PER_BYTE = 1_000_000_000 // (SAMPLE_RATE * SAMPLE_BYTES)
MESSAGE_BYTES = 320  # 20 ms
FRAGMENT_MAX_BYTES = 40_000  # its message stays below 64 KiB
REALTIME_PATH = "/api/v2/interactions/realtime"
SPEECH_DIR = Path(__file__).parent / "speech"

Fragment = Annotated[int, Field(ge=1, le=FRAGMENT_MAX_BYTES)] | Literal["odd", "random"]


class Said(BaseModel):
    """A phrase in a recording, at its place in that recording's audio. Further keys of the manifest are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    phrase: str
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    sentence: str = ""
    channel: Channel = "external"


class DeliveryOptions(Options):
    """How a call's audio travels: cutting, pacing, repetition."""

    fragment: Fragment = Field(
        MESSAGE_BYTES, description="Bytes of audio per message; `odd` and `random` draw each size from 1 to 1000."
    )
    jitter_ms: float = Field(0.0, ge=0, le=10_000, description="Each message comes up to so much late, in order.")
    burst: int = Field(1, ge=1, le=1000, description="So many messages at once, when the last of them is due.")
    loops: int | None = Field(1, ge=1, description="How often the recording is played; None: until the call is ended.")
    speed: Positive = Field(1.0, description="1.0 is real time; more is faster.")
    seed: int = Field(0, description="Of drawn sizes and of jitter; the call's number is added for jitter.")
    binary: bool = Field(False, description="Send the same JSON as binary WebSocket messages.")
    start_on: Literal["subscription", "open"] = Field(
        "subscription", description="A call's clock starts at its first subscription, or with the simulator."
    )


class CallOptions(Options):
    """One call: what is played, and what the platform says of it."""

    conversation_id: ConversationId
    wav: Path = Field(description="8 kHz, 16-bit, mono.")
    said: tuple[Said, ...] = ()
    queue_id: str | None = Field(None, description="The queue that it came by; None: it came by none.")
    delivery: DeliveryOptions | None = Field(None, description="None: the simulator's.")
    visible: bool = Field(True, description="False: every look at it is answered with 403.")
    ended: bool = Field(False, description="True: the call was over before the simulator started.")


class FaultOptions(Options):
    """A fault to be armed; `engine.simulator.faults.FAULTS` says what each does."""

    name: str
    count: int = Field(1, ge=1, description="How often it strikes.")
    conversation_id: ConversationId | None = Field(None, description="Only there; None: wherever it comes first.")
    after_ms: float = Field(
        0.0, ge=0, description="Not before so much of the call's audio (faults of the audio stream), or time (others)."
    )


class SimulatorOptions(Options):
    """The whole simulator. `port` 0 picks a free one."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8090, ge=0, le=65_535)
    client_id: str = Field("cueline-simulator", min_length=1)
    client_secret: str = Field("not-a-secret", min_length=1, description="Known to everybody: it opens nothing else.")
    token_ttl_s: int = Field(86_400, ge=1, le=172_800, description="Tokens expire for real.")
    rate_limit_per_min: int = Field(300, ge=1, description="Platform requests a minute per token.")
    retry_after_s: int = Field(1, ge=0, description="What injected 429 answers ask for.")
    stall_s: Positive = Field(5.0, description="How long stalling faults hold an answer back.")
    answer_timeout_s: Positive = Field(10.0, description="A real-time client has so long for each of its messages.")
    calls: tuple[CallOptions, ...] = ()
    repertoire: tuple[CallOptions, ...] = Field((), description="What calls that are placed later play, in turn.")
    queues: tuple[str, ...] = Field((), description="Calls that name no queue come by these in turn.")
    heartbeat_s: Positive = Field(30.0, description="A notification channel's socket shows life so often.")
    channel_life_s: Positive = Field(86_400.0, description="A notification channel ends after so long.")
    closing_s: Positive = Field(60.0, description="From `v2.system.socket_closing` to the socket's close.")
    delivery: DeliveryOptions = DeliveryOptions()
    stagger_ms: int = Field(0, ge=0, description="Call n starts n times so much later.")
    faults: tuple[FaultOptions, ...] = ()


def queue_id(number: int) -> str:
    """The id of queue `number`, the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"https://cueline.invalid/simulator/queues/{number}"))


def conversation_id(number: int) -> str:
    """The id of call `number`, the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"https://cueline.invalid/simulator/calls/{number}"))
