"""Every kind of sink."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, model_validator

from engine.options.base import HttpUrl, Name, Options, Positive
from engine.options.fleet import RedisUrl

DEADLINE_S = 60.0


class SinkBase(Options):
    """What all sinks share."""

    name: Name = Field(description="Unique; what rules call it, and a metric's label.")
    concurrency: int = Field(4, ge=1, le=64, description="Attempts at once.")
    timeout_s: Positive = Field(5.0, description="Limit for one attempt.")
    deadline_s: Positive = Field(DEADLINE_S, description="Limit for all of a delivery, from the phrase on.")


class LogSink(SinkBase):
    """A line in the log, without the words that were said."""

    type: Literal["log"] = Field("log", description="The kind of sink.")


class FileSink(SinkBase):
    """JSON lines in a file; the same body as the webhook's."""

    type: Literal["file"] = Field("file", description="The kind of sink.")
    path: Path = Field(description="The file; it and its folder are made. It may be rotated.")


class WebhookSink(SinkBase):
    """HTTP POST of a CloudEvent, signed as Standard Webhooks do when a secret is set."""

    type: Literal["webhook"] = Field("webhook", description="The kind of sink.")
    url: HttpUrl = Field(description="Where to; https beyond this machine, since the body says what was heard.")
    secret: SecretStr | None = Field(None, description="`whsec_` + base64 (or plain text) signing key.")
    allow_addresses: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Networks that may be sent to although they are link-local, metadata, multicast or reserved."
    )


Target = Literal["customer", "agent"]


class TransferSink(SinkBase):
    """Blind transfer of the call: exactly one of queue_id, user_id, address."""

    type: Literal["genesys.transfer"] = Field("genesys.transfer", description="The kind of sink.")
    queue_id: str | None = Field(None, description="To a queue, by its id.")
    user_id: str | None = Field(None, description="To an agent, by the user's id.")
    address: str | None = Field(None, description="To a number or SIP address.")

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if sum(value is not None for value in (self.queue_id, self.user_id, self.address)) != 1:
            raise ValueError("give exactly one of queue_id, user_id, address")
        return self


class DisconnectSink(SinkBase):
    """Hang up one participant."""

    type: Literal["genesys.disconnect"] = Field("genesys.disconnect", description="The kind of sink.")
    participant: Target = Field("customer", description="Who is hung up.")


class AttributesSink(SinkBase):
    """Set participant attributes; `{phrase}`, `{rule}`, `{spotted_at}` in values are filled in."""

    type: Literal["genesys.attributes"] = Field("genesys.attributes", description="The kind of sink.")
    participant: Target = Field("customer", description="Whose attributes.")
    attributes: dict[str, str] = Field(
        min_length=1, description="Names and values; `{phrase}`, `{rule}`, `{spotted_at}` in a value are filled in."
    )


class PythonSink(SinkBase):
    """Call `module:callable(body: dict) -> None` in a thread."""

    type: Literal["python"] = Field("python", description="The kind of sink.")
    entry_point: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        description="`module:callable`; gets the webhook's body, once for each command.",
    )


class RedisSink(SinkBase):
    """A CloudEvent in a Redis stream (fields `id`, `event`), once for each command; needs the extra `fleet`."""

    type: Literal["redis"] = Field("redis", description="The kind of sink.")
    url: RedisUrl | None = Field(None, description="The Redis; without it the fleet's.")
    password: SecretStr | None = Field(None, min_length=1, description="Its password, where the address has none.")
    stream: str = Field(
        "cueline:events",
        pattern=r"^[!-~]{1,256}$",
        description="The stream's key; with the fleet's Redis `{cueline:NAME}:events`, NAME being the fleet's.",
    )
    max_length: int = Field(
        100_000, ge=1, description="Events kept in the stream, about so many: the oldest are dropped."
    )
    once_s: float = Field(
        86_400.0,
        ge=60,
        le=604_800,
        description="For so long a command is in the stream once, however often it is sent.",
    )


SinkOptions = Annotated[
    LogSink | FileSink | WebhookSink | TransferSink | DisconnectSink | AttributesSink | PythonSink | RedisSink,
    Field(discriminator="type"),
]
