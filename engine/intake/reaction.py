"""What the messages of one real-time session bring about; called where they arrive, it never waits.

Audio goes into the channel at once. What needs its owner to act (to send the next request, to wait for room, to leave) is told by
True: enough, for now. Once `ending` is set nothing may be handed in any more.
"""

from collections.abc import Sequence
from time import monotonic
from typing import assert_never

from engine.genesys.realtime import (
    AudioReceived,
    Connected,
    Dropped,
    Ended,
    Ignored,
    RealtimeEvent,
    RealtimeSession,
    Rejected,
    Subscribed,
)
from engine.intake.conversation import Conversation
from engine.intake.leased_channel import LeasedChannel
from engine.intake.outcomes import Again, Outcome, Over
from engine.metrics import Metrics


class Reaction:
    """Act on one session's events. All raise ProtocolError."""

    def __init__(
        self, session: RealtimeSession, conversation: Conversation, audio: LeasedChannel, metrics: Metrics
    ) -> None:
        self.ending: Outcome | Rejected | None = None
        self._session = session
        self._conversation = conversation
        self._audio = audio
        self._metrics = metrics

    def answer(self, message: bytes) -> bool:
        """Take a message of the opening; enough when it is a step's answer, or at the end."""
        step = self._session.state
        self._act(self._session.receive(message))
        return self.ending is not None or self._session.state is not step

    def listen(self, message: bytes) -> bool:
        """Take a message; enough when the channel wants room, or at the end."""
        self._act(self._session.receive(message))
        return self.ending is not None or self._audio.crowded(monotonic())

    def wait_over(self) -> None:
        """No answer came in time."""
        self._act(self._session.wait_over())

    def closed(self, code: int, reason: str) -> None:
        """The socket is gone; that always ends."""
        self._act(self._session.closed(code, reason))

    def _act(self, events: Sequence[RealtimeEvent]) -> None:
        for event in events:
            match event:
                case AudioReceived():
                    self._audio.push(event.chunk, monotonic())
                case Ignored():
                    self._metrics.message_ignored(event.reason)
                case Connected():
                    pass
                case Subscribed():
                    self._conversation.move("listening")
                case Rejected():
                    self.ending = event
                case Ended():
                    self.ending = Over("ended", "the conversation has ended")
                case Dropped():
                    self.ending = Again("dropped", f"the socket closed: {event.message}")
                case _:
                    assert_never(event)
