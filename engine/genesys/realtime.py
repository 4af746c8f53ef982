"""One real-time session as a plain object: messages in, events out; it awaits nothing and knows no socket.

The caller sends what `data_to_send` returns (also once before anything was received), hands every message to `receive` and acts on
the events. A caller that has waited long enough for an answer says so with `wait_over`, one whose socket is gone with `closed`. What may follow what is `TRANSITIONS`
and nothing else. A peer that keeps sending what cannot be read gets one ProtocolError. No event or error holds the token.
"""

from binascii import a2b_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal

import orjson

from engine.errors import ProtocolError
from engine.genesys import realtime_messages as messages
from engine.genesys.realtime_messages import Kind

MAX_MESSAGE_BYTES = 64 * 1024
MAX_UNREADABLE = 50  # unreadable messages in a row; one more ends the session
MAX_TEXT_CHARACTERS = 200  # of a peer's words that are passed on
NO_ANSWER = 408  # status of a rejection by silence, as HTTP has it

Step = Literal["connect", "subscribe", "listen"]
IgnoredReason = Literal["unknown_type", "unexpected", "malformed_json", "bad_audio", "too_large"]


class State(Enum):
    """Where a session stands; CLOSED is final."""

    CONNECTING = auto()
    SUBSCRIBING = auto()
    LISTENING = auto()
    CLOSED = auto()


_LISTENING = State.LISTENING  # looked up per message: an attribute of an Enum costs more than a name

# A missing pair is a ProtocolError that names both.
TRANSITIONS: dict[tuple[State, Kind], State] = {
    # Before `connected`, anything readable that is something else is a rejection.
    (State.CONNECTING, Kind.CONNECTED): State.SUBSCRIBING,
    (State.CONNECTING, Kind.ACKNOWLEDGED): State.CLOSED,
    (State.CONNECTING, Kind.AUDIO): State.CLOSED,
    (State.CONNECTING, Kind.REJECTED): State.CLOSED,
    (State.CONNECTING, Kind.DROPPED): State.CLOSED,
    (State.CONNECTING, Kind.ENDED): State.CLOSED,
    (State.CONNECTING, Kind.OTHER): State.CLOSED,
    (State.CONNECTING, Kind.TIMEOUT): State.CLOSED,
    # An acknowledgement is optional: first audio counts as one, and so does silence (a call on hold).
    (State.SUBSCRIBING, Kind.CONNECTED): State.SUBSCRIBING,
    (State.SUBSCRIBING, Kind.ACKNOWLEDGED): State.LISTENING,
    (State.SUBSCRIBING, Kind.AUDIO): State.LISTENING,
    (State.SUBSCRIBING, Kind.REJECTED): State.CLOSED,
    (State.SUBSCRIBING, Kind.DROPPED): State.CLOSED,
    (State.SUBSCRIBING, Kind.ENDED): State.CLOSED,
    (State.SUBSCRIBING, Kind.OTHER): State.SUBSCRIBING,
    (State.SUBSCRIBING, Kind.TIMEOUT): State.LISTENING,
    (State.LISTENING, Kind.CONNECTED): State.LISTENING,
    (State.LISTENING, Kind.ACKNOWLEDGED): State.LISTENING,
    (State.LISTENING, Kind.AUDIO): State.LISTENING,
    (State.LISTENING, Kind.REJECTED): State.CLOSED,
    (State.LISTENING, Kind.DROPPED): State.CLOSED,
    (State.LISTENING, Kind.ENDED): State.CLOSED,
    (State.LISTENING, Kind.OTHER): State.LISTENING,
}

_STEPS: dict[State, Step] = {
    State.CONNECTING: "connect",
    State.SUBSCRIBING: "subscribe",
    State.LISTENING: "listen",
}


@dataclass(frozen=True, slots=True)
class Connected:
    """The token was taken; the subscription waits in `data_to_send`."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Audio flows or may begin to."""


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """A chunk of 8 kHz 16-bit mono, of any length, also odd."""

    chunk: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """The peer refused a step; the session is over. `status` is 0 where none was told."""

    step: Step
    status: int
    message: str
    retry_after_s: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """The peer says that the conversation is over; so is the session."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message was left out; the caller counts it."""

    reason: IgnoredReason


@dataclass(frozen=True, slots=True)
class Dropped:
    """The socket is gone and nobody said why; the conversation may live on."""

    message: str


RealtimeEvent = Connected | Subscribed | AudioReceived | Rejected | Ended | Dropped | Ignored


class RealtimeSession:
    """Follow one conversation over one socket."""

    def __init__(self, conversation_id: str, token: str) -> None:
        self.state = State.CONNECTING
        self._conversation_id = conversation_id
        self._token = token
        self._unreadable = 0
        self._outgoing = [_text({"type": "connect", "apiVersion": "v2", "token": token})]

    def data_to_send(self) -> list[str]:
        """Return the messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, data: str | bytes) -> Sequence[RealtimeEvent]:
        """Take one message. ProtocolError where the session is over already, or too much in a row cannot be read."""
        if len(data) > MAX_MESSAGE_BYTES:
            return self._skip("too_large")
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:
            return self._skip("malformed_json")
        if not isinstance(message, dict):
            return self._skip("malformed_json")
        if self.state is _LISTENING and message.get("type") == "audio":
            return self._audio(message)
        return self._advance(messages.kind_of(message), message)

    def wait_over(self) -> Sequence[RealtimeEvent]:
        """No answer came in time. ProtocolError once listening: silence is a caller's right."""
        return self._advance(Kind.TIMEOUT, {})

    def closed(self, code: int, reason: str) -> Sequence[RealtimeEvent]:
        """The socket is gone, with this close code and reason (1006 where there was none)."""
        kind = messages.kind_of_close(code, reason)
        if kind is Kind.ENDED and self.state is State.CONNECTING:
            kind = Kind.DROPPED  # what has not begun can't have ended
        status = messages.status_of_close(code, reason)
        return self._advance(kind, {"type": f"close {code}", "status": status, "message": reason})

    def _audio(self, message: Mapping[str, Any]) -> Sequence[RealtimeEvent]:
        """Decode audio; the hot path ends here. Most messages are type and audio alone, and name no subscription."""
        if len(message) > 2 and not messages.is_for(message, self._conversation_id):
            return (Ignored("unexpected"),)
        try:
            chunk = a2b_base64(message["audio"], strict_mode=True)
        except (KeyError, TypeError, ValueError):
            return self._skip("bad_audio")
        self._unreadable = 0
        return (AudioReceived(chunk),)

    def _skip(self, reason: IgnoredReason) -> Sequence[RealtimeEvent]:
        """Count what cannot be read; too much of it in a row ends the session."""
        self._unreadable += 1
        if self._unreadable > MAX_UNREADABLE:
            self.state = State.CLOSED
            raise ProtocolError(f"more than {MAX_UNREADABLE} unreadable messages in a row, the last one: {reason}")
        return (Ignored(reason),)

    def _advance(self, kind: Kind, message: Mapping[str, Any]) -> Sequence[RealtimeEvent]:
        """Apply the law to a readable message."""
        if kind is Kind.ENDED and not messages.concerns(message, self._conversation_id):
            kind = Kind.OTHER
        before, after = self.state, TRANSITIONS.get((self.state, kind))
        if after is None:
            self.state = State.CLOSED
            raise ProtocolError(f"{kind.name} is not allowed while {before.name}")
        self.state, self._unreadable = after, 0
        if after is State.CLOSED:
            return (self._closing(_STEPS[before], kind, message),)
        if before is State.CONNECTING:
            self._outgoing.append(_subscription(self._conversation_id))
            return (Connected(),)
        opened = (Subscribed(),) if after is not before else ()
        match kind:
            case Kind.AUDIO:
                return (*opened, *self._audio(message))
            case Kind.ACKNOWLEDGED | Kind.TIMEOUT:
                return opened
            case _:
                return (Ignored("unknown_type" if kind is Kind.OTHER else "unexpected"),)

    def _closing(self, step: Step, kind: Kind, message: Mapping[str, Any]) -> Rejected | Ended | Dropped:
        """Say how the session came to its end."""
        if kind is Kind.ENDED:
            return Ended(self._printable(str(message.get("type"))))
        if kind is Kind.TIMEOUT:
            return Rejected(step, NO_ANSWER, "no answer in time", None)
        said = self._printable(messages.rejection_text(message) or _named(message.get("type")))
        if kind is Kind.DROPPED:
            return Dropped(said)
        return Rejected(step, messages.rejection_status(message), said, messages.retry_after_of(message))

    def _printable(self, text: str) -> str:
        """A peer's words, fit for a log line, without the token that it may echo, numbers and data."""
        safe = text.replace(self._token, "(token)") if self._token else text
        plain = "".join(character if character.isprintable() else " " for character in safe)
        return messages.reserved(plain)[:MAX_TEXT_CHARACTERS]


def _named(kind: object) -> str:
    """An answer without words of its own. What is no text is not shown: it may be nested without end."""
    return f"answered with {kind!r}" if isinstance(kind, str) else "answered with a message without a type"


def _subscription(conversation_id: str) -> str:
    """Ask for a conversation's voice as 8 kHz PCM."""
    request = {
        "type": "conversation",
        "conversationId": conversation_id,
        "mediaType": "voice",
        "audio": {"format": "pcm", "sampleRate": 8000},
    }
    return _text({"type": "subscribe", "id": messages.SUBSCRIPTION_ID, "request": request})


def _text(message: Mapping[str, Any]) -> str:
    return orjson.dumps(message).decode()
