"""Every kind of sink."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, IPvAnyNetwork, SecretStr, model_validator

from engine.options.base import HttpUrl, Name, Options, Positive

DEADLINE_S = 60.0


class SinkBase(Options):
    """What all sinks share."""

    name: Name
    concurrency: int = Field(4, ge=1, le=64, description="Attempts at once.")
    timeout_s: Positive = Field(5.0, description="Limit for one attempt.")
    deadline_s: Positive = Field(DEADLINE_S, description="Limit for all of a delivery, from the phrase on.")


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
    allow_addresses: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Networks that may be sent to although they are link-local, metadata, multicast or reserved."
    )


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
