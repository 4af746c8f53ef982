"""Settings of the simulated AudioHook client as frozen objects; units stand in the names. Pure nouns."""

import re
from pathlib import Path
from typing import Literal, Self
from uuid import NAMESPACE_URL, uuid5

from pydantic import Field, field_validator, model_validator

from engine.options import Channel, ConversationId, Options, Positive, SocketUrl
from engine.simulator.options import Said

SAMPLE_RATE = 8000
NS_PER_SAMPLE = 1_000_000_000 // SAMPLE_RATE
MESSAGE_MAX_BYTES = 64_000
ATTEMPTS = 5
ORGANIZATION_ID = str(uuid5(NAMESPACE_URL, "https://cueline.invalid/simulator/organization"))
NULL_ID = "00000000-0000-0000-0000-000000000000"

Product = Literal["monitor", "transcription", "connector"]
_KEY = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_SECRET = re.compile(r"(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{3}=?|[A-Za-z\d+/]{2}(?:==)?)?")
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


class Gap(Options):
    """Audio that is thrown away, from a place in the call's audio on; whole messages of it."""

    at_s: float = Field(ge=0)
    for_s: Positive
    paused: bool = Field(False, description="Told by `paused` and `resumed`; otherwise by `discarded`.")


class HookCall(Options):
    """One call: what is played on which channel. None is silence; a stereo file has external left, internal right."""

    conversation_id: ConversationId
    external: Path | None = None
    internal: Path | None = None
    stereo: Path | None = None
    said: tuple[Said, ...] = ()

    @property
    def file(self) -> str:
        """A name for people: `call-01+call-02.wav`."""
        names = [path.stem for path in (self.stereo, self.external, self.internal) if path is not None]
        return "+".join(names) + ".wav" if names else "silence"

    def lies(self, channel: Channel) -> tuple[Path | None, int]:
        """The file that holds this channel, and which of the file's channels it is."""
        if self.stereo is not None:
            return self.stereo, int(channel == "internal")
        return (self.external if channel == "external" else self.internal), 0


class HookOptions(Options):
    """Everything that a run of simulated AudioHook calls needs."""

    url: SocketUrl
    api_key: str = Field("cueline-simulator", repr=False)
    client_secret: str = Field("", repr=False, description="Base64; empty: requests are not signed.")
    organization_id: str = Field(ORGANIZATION_ID, pattern=_UUID)
    calls: tuple[HookCall, ...] = ()
    repertoire: tuple[HookCall, ...] = Field((), description="What calls that are placed later play, in turn.")
    first_call: int = Field(0, ge=0, description="Number of the first call, from which ids are made.")
    channels: Literal[1, 2] = 2
    product: Product = "monitor"
    language: str | None = None
    probe: bool = Field(False, description="Every call is a connection probe: null ids, opened, closed at once.")
    rate: Positive = Field(25.0, description="Connections per second.")
    message_ms: int = Field(100, ge=1, le=4000)
    backlog_s: float = Field(0.0, ge=0, le=60, description="So much audio at once, right after `opened`.")
    gaps: tuple[Gap, ...] = ()
    loop: bool = False
    speed: Positive = 1.0
    reconnects: bool = Field(False, description="Take up `reconnect`: a new session continues the old one.")
    ca: Path | None = Field(None, description="Trust this authority (PEM).")
    connect_timeout_s: Positive = 10.0
    open_timeout_s: Positive = 5.0
    pong_timeout_s: Positive = 5.0
    close_timeout_s: Positive = 10.0
    first_ping_s: Positive = 1.0
    ping_every_s: Positive = 5.0
    attempts: int = Field(ATTEMPTS, ge=1, le=100)
    backoff_s: Positive = Field(1.0, description="Before the second attempt; doubled before each further one.")
    host: str = Field("127.0.0.1", min_length=1, description="Of the control API.")
    port: int | None = Field(None, ge=0, le=65_535, description="Of the control API; 0 picks one, None: there is none.")

    @field_validator("api_key")
    @classmethod
    def _as_genesys_allows(cls, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise ValueError("must be of the characters A-Z a-z 0-9 + / _ - and at most two = at the end")
        return key

    @field_validator("client_secret")
    @classmethod
    def _is_base64(cls, secret: str) -> str:
        if not _SECRET.fullmatch(secret):
            raise ValueError("must be base64 (A-Z a-z 0-9 + /)")
        return secret

    @model_validator(mode="after")
    def _fits_a_message(self) -> Self:
        if self.product == "connector" and self.channels != 1:
            raise ValueError("the Audio Connector has one channel, external")
        return self

    @property
    def message_samples(self) -> int:
        """Per channel."""
        return self.message_ms * SAMPLE_RATE // 1000

    def offers(self) -> list[dict[str, object]]:
        """The media that Genesys offers, best first."""
        both: list[list[Channel]] = [["external", "internal"], ["external"], ["internal"]]
        chosen = both if self.channels == 2 else [["external"]]
        return [{"type": "audio", "format": "PCMU", "channels": names, "rate": SAMPLE_RATE} for names in chosen]
