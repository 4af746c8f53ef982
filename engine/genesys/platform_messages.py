"""Typed messages between the supervisor and the platform process, as one table each way.

Down is imperative, up is past tense. Every request carries a number, which its answer repeats, and an absolute deadline
on the machine's monotonic clock: a request whose deadline has passed is never begun. Secrets and tokens travel in these
messages only, and no `repr` shows them.
"""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from engine.genesys.checks import Reason
from engine.genesys.notification_messages import (
    ChannelOpened,
    ListQueues,
    LiveFound,
    OpenChannel,
    QueryLive,
    QueuesListed,
    Subscribe,
    TopicsHeld,
)
from engine.options import Target
from engine.packets import PacketCodec

TransferKind = Literal["queue", "user", "address"]


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Where a call is transferred to: a queue's id, a user's id, or an address (number or SIP)."""

    kind: TransferKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Configure:
    """The first message: where the platform is and who we are there."""

    login_url: str
    api_url: str
    client_id: str
    client_secret: SecretStr
    request_timeout_s: float


@dataclass(frozen=True, slots=True)
class GetToken:
    """Give a token; one other than `fresher_than`, which a server refused."""

    number: int
    deadline_s: float
    fresher_than: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DescribeToken:
    """Say whose token it is and what it may be used for, as far as the platform tells."""

    number: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class CheckConversation:
    """Say whether a conversation may be followed."""

    number: int
    deadline_s: float
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """Transfer the call, blind."""

    number: int
    deadline_s: float
    conversation_id: str
    target: TransferTarget


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Hang up one participant."""

    number: int
    deadline_s: float
    conversation_id: str
    participant: Target


@dataclass(frozen=True, slots=True)
class SetAttributes:
    """Set attributes of one participant."""

    number: int
    deadline_s: float
    conversation_id: str
    participant: Target
    attributes: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Forget:
    """Nobody waits for that request any more: begin nothing further for it."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """The SDK is loaded, lean or in full."""

    lean: bool


@dataclass(frozen=True, slots=True)
class TokenGiven:
    """Answers GetToken."""

    number: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenDescribed:
    """Answers DescribeToken; no scopes where the platform names none: then the client's role decides alone."""

    number: int
    organization: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """Answers CheckConversation."""

    number: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Done:
    """Answers an action."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Answers any request: the fields of a PlatformError."""

    number: int
    message: str
    status: int
    retry_after_s: float | None
    happened: str


@dataclass(frozen=True, slots=True)
class TokenRenewed:
    """A new token is in use; its end on the monotonic clock."""

    expires_at_s: float


@dataclass(frozen=True, slots=True)
class Retried:
    """A request failed and will be tried again."""

    reason: str
    status: int
    attempt: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class LimitNeared:
    """The platform's rate limit is nearly used up."""

    count: int
    allowed: int
    reset_s: int


@dataclass(frozen=True, slots=True)
class RateLimited:
    """A request was answered with 429."""


@dataclass(frozen=True, slots=True)
class RenewalFailed:
    """No new token could be had; the old one is used on while it lives."""


Request = (
    GetToken
    | DescribeToken
    | CheckConversation
    | Transfer
    | Disconnect
    | SetAttributes
    | OpenChannel
    | Subscribe
    | QueryLive
    | ListQueues
)
Down = Configure | Request | Forget
Answer = TokenGiven | TokenDescribed | Checked | ChannelOpened | TopicsHeld | LiveFound | QueuesListed | Done | Failed
Note = TokenRenewed | Retried | LimitNeared | RateLimited | RenewalFailed
Up = Ready | Answer | Note


def platform_codec() -> PacketCodec:
    """Codec of both ends."""
    return PacketCodec(Down | Up)
