"""What the supervisor asks of the platform process about notifications, and the answers; part of `platform_messages.py`'s table."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OpenChannel:
    """Make a notification channel."""

    number: int
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Let a channel have exactly these topics."""

    number: int
    deadline_s: float
    channel_id: str
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueryLive:
    """List voice calls that began since `since` (RFC 3339) and have not ended, one page.

    Those of these queues or users; where none is named, all that the client may see.
    """

    number: int
    deadline_s: float
    since: str
    until: str
    page: int
    queues: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListQueues:
    """List the queues that the client may see, one page."""

    number: int
    deadline_s: float
    page: int


@dataclass(frozen=True, slots=True)
class ChannelOpened:
    """Answers OpenChannel. `life_s` is how long the platform keeps it, None where it does not say."""

    number: int
    channel_id: str
    connect_uri: str = field(repr=False)
    life_s: float | None


@dataclass(frozen=True, slots=True)
class TopicsHeld:
    """Answers Subscribe: the topics that were refused."""

    number: int
    rejected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A live voice call of a query's answer, with the queues and users that it has met."""

    conversation_id: str
    queues: tuple[str, ...]
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveFound:
    """Answers QueryLive; `more`: there is another page."""

    number: int
    calls: tuple[LiveCall, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class QueuesListed:
    """Answers ListQueues; `more`: there is another page."""

    number: int
    queues: tuple[str, ...]
    more: bool
