"""What intake asks of the rest of the engine: rings in a shard, and the platform API."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.genesys.checks import ConversationCheck
from engine.options import Channel
from engine.speech.events import Transcribed

OnTranscript = Callable[[Channel, Transcribed], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a peer that opens a session by itself asks to be heard."""

    conversation_id: str
    session_id: str
    channels: tuple[Channel, ...]
    continues: tuple[str, ...] = ()  # sessions that this one takes the place of
    on_transcript: OnTranscript | None = None  # asked for, where there is one


class Feed(Protocol):
    """One channel's way into its shard."""

    def push(self, chunk: bytes) -> None:
        """Take a chunk of any length, also odd; never waits, drops are counted inside."""
        ...

    def mark_gap(self, gap_ms: int) -> None:
        """Audio was missed: carry and open utterance are closed, positions advance by `gap_ms`."""
        ...

    @property
    def nearly_full(self) -> bool:
        """Whether another second of audio might not fit."""
        ...


class Lease(Protocol):
    """A conversation's right to its rings."""

    @property
    def phrases(self) -> int:
        """Phrases spotted on it so far; what was told again after a worker's death counts once."""
        ...

    async def heard(self, timeout_s: float) -> bool:
        """Once released: wait until what is in the rings was heard to its end, or so long."""
        ...

    def feed(self, channel: Channel) -> Feed:
        """Return the way in of one leased channel."""
        ...

    def release(self) -> None:
        """Give the rings back; the worker hears what is in them to its end."""
        ...


class Shards(Protocol):
    """Where audio goes."""

    def lease(
        self,
        conversation_id: str,
        channels: tuple[Channel, ...],
        *,
        session_id: str | None = None,
        continues: Sequence[str] = (),
        on_transcript: OnTranscript | None = None,
    ) -> Lease:
        """Lease a ring per channel. RefusedError: capacity, draining, duplicate, quarantined.

        What fired in the sessions that it `continues` is not fired again at the same positions.
        """
        ...


class Platform(Protocol):
    """What intake asks of the platform API; both raise PlatformError."""

    async def token(self, *, fresher_than: str | None = None) -> str:
        """Return a token, and not the one that was refused."""
        ...

    async def check(self, conversation_id: str) -> ConversationCheck:
        """Say whether a conversation may be followed, and if not, why."""
        ...
