"""One simulated call: its conversation, its playback, and who listens.

`Listener` is what a call needs of a real-time socket; nothing here knows WebSockets.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from engine.simulator.clock import epoch_ms
from engine.simulator.conversation import Conversation
from engine.simulator.options import CallOptions, DeliveryOptions, Said
from engine.simulator.playback import Playback

SENT_KEPT = 1000

CallState = Literal["waiting", "live", "ended"]


@dataclass(slots=True)
class Sent:
    """Audio that one subscription has got without a break: its place in the call's audio, over all rounds."""

    from_ms: float
    to_ms: float
    client: str = ""  # that logged in for it


class Listener(Protocol):
    """A subscription's receiving end."""

    async def deliver(self, message: bytes, position_ms: float) -> None:
        """Send one audio message; never waits for the peer, never raises for its sake."""

    async def end(self, reason: str) -> None:
        """Say that the conversation is over, then close."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """A call as `GET /simulator/calls` shows it. `started_at_*` is position 0 of the audio; None before it began."""

    conversation_id: str
    file: str
    state: CallState
    started_at_ns: int | None  # monotonic clock of this machine
    started_at_ms: int | None  # epoch
    speed: float
    loops: int | None
    duration_ms: int  # of one round
    position_ms: int  # over all rounds
    subscribers: int
    said: tuple[Said, ...]
    sent: tuple[Sent, ...]  # one per subscription that got audio, the latest SENT_KEPT

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"said": [said.model_dump() for said in self.said]}


class Call:
    """A call from its first subscription to its end."""

    def __init__(
        self,
        options: CallOptions,
        delivery: DeliveryOptions,
        playback: Playback,
        conversation: Conversation,
        wait_ms: int = 0,
    ) -> None:
        self.options = options
        self.delivery = delivery
        self.playback = playback
        self.conversation = conversation
        self.wait_ms = wait_ms  # from its first subscription to the beginning of its audio
        self.listeners: set[Listener] = set()
        self.announce: Callable[[], None] = lambda: None  # its participants have changed
        self._sent: deque[Sent] = deque(maxlen=SENT_KEPT)

    @property
    def state(self) -> CallState:
        """Waiting for its first subscription, live, or over."""
        if not self.conversation.live:
            return "ended"
        return "waiting" if self.playback.started_ns is None else "live"

    def sending(self, from_ms: float, client: str = "") -> Sent:
        """A subscription of this client gets its first audio, up to this place; it moves `to_ms` on as more follows."""
        self._sent.append(Sent(from_ms, from_ms, client))
        return self._sent[-1]

    async def advance(self, now_ns: int) -> None:
        """Send everybody what has become due; after the last message the conversation ends."""
        for due_ns, message in self.playback.due(now_ns):
            for listener in tuple(self.listeners):
                await listener.deliver(message, due_ns / 1_000_000)
        if self.playback.finished:
            await self.end("completed")

    async def end(self, reason: str) -> None:
        """End the conversation and tell the listeners; a second time changes nothing."""
        if self.conversation.live:
            self.conversation.end(epoch_ms())
            self.announce()
        self.playback.stop(time.monotonic_ns())
        while self.listeners:
            await self.listeners.pop().end(reason)

    def report(self) -> CallReport:
        """The call as it stands."""
        now_ns = time.monotonic_ns()
        started_ns = self.playback.started_ns
        return CallReport(
            conversation_id=self.options.conversation_id,
            file=self.options.wav.name,
            state=self.state,
            started_at_ns=started_ns,
            started_at_ms=None if started_ns is None else epoch_ms() - (now_ns - started_ns) // 1_000_000,
            speed=self.delivery.speed,
            loops=self.delivery.loops,
            duration_ms=self.playback.duration_ms,
            position_ms=self.playback.position_ns(now_ns) // 1_000_000,
            subscribers=len(self.listeners),
            said=self.options.said,
            sent=tuple(self._sent),
        )
