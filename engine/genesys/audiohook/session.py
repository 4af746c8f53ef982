"""One AudioHook session, the server's side, as a plain object: text and audio in, events and text out; no socket, no clock.

The owner hands every message in as it comes, sends what `data_to_send` returns before it reads the next one (a `pong` is among
it, and names the newest message), acts on the events, and asks `wait_s` after whatever it did; when nothing came for that long, it
calls `wait_over`. What may follow what is in `states.py`. A peer's fault is never raised: it is answered by `disconnect`, once,
and told as `Faulty`. ValueError is the owner's own fault. What the owner wishes too late, because the peer was faster, is
dropped, and the answer is False. A session says nothing by itself but answers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.genesys.audiohook import events, messages
from engine.genesys.audiohook.decoding import decode, read
from engine.genesys.audiohook.events import Faulty, Ignored, SessionEvent
from engine.genesys.audiohook.limits import Patience, SessionLimits, Toll
from engine.genesys.audiohook.media import Media
from engine.genesys.audiohook.messages import MAX_BYTES, DisconnectReason, ServerMessage
from engine.genesys.audiohook.numbering import Numbering
from engine.genesys.audiohook.states import FAULTS, OURS, OVERS, PEER, SILENT, WAITS, Audio, Break, Drop, Fault, State

QUIET_S = 1.0  # after `opened` nothing unsolicited is said: clients compare numbers then
NORMAL, POLICY, TOO_LARGE, INTERNAL = 1000, 1008, 1009, 1011  # of a WebSocket's close
NO_MEDIA = MAX_BYTES + 1  # bytes of a sample of every channel that no message holds

_OPEN = State.OPEN  # looked up per message: an attribute of an Enum costs more than a name
_CODES: dict[DisconnectReason, int] = {"completed": NORMAL, "unauthorized": POLICY, "error": INTERNAL}

# What the owner hears of a message that is taken; a `ping` is none of its business.
_EVENTS: dict[type, Callable[[Any], SessionEvent]] = {
    messages.Open: events.OpenAsked,
    messages.Update: lambda message: events.LanguageAsked(message.language),
    messages.Paused: lambda message: message,
    messages.Resumed: lambda message: message,
    messages.Discarded: lambda message: message,
    messages.Close: lambda message: events.CloseAsked(message.reason),
    messages.Error: lambda message: events.PeerFault(message.code),
    messages.Dtmf: lambda _: events.DigitPressed(),
}


class AudioHookSession:
    """Serve one session. To be read: `state`, `media` (what was chosen), `position_samples` (received and lost), `close_code`."""

    def __init__(self, session_id: str, organization_id: str, limits: SessionLimits) -> None:
        self.state = State.OPENING
        self.media: Media | None = None
        self.position_samples = 0
        self.close_code = NORMAL
        self._organization_id = organization_id.lower()
        self._numbering = Numbering(session_id)
        self._patience = Patience(limits)
        self._toll = Toll(limits)
        self._flooded = False  # too many messages came: of those to come only `close` counts
        self._asked: messages.Open | None = None  # until it is answered
        self._frame_bytes = NO_MEDIA
        self._opened_s: float | None = None

    def data_to_send(self) -> list[str]:
        """Return the messages to send now, in order; each is returned once."""
        return self._numbering.data_to_send()

    def receive_audio(self, data: bytes, now_s: float) -> Sequence[SessionEvent]:
        """Take one binary message."""
        if self.state is _OPEN and data and len(data) <= MAX_BYTES and not len(data) % self._frame_bytes:
            self._patience.heard_s = now_s
            self.position_samples += len(data) // self._frame_bytes
            return (events.AudioReceived(data),)
        return self._not_taken(data, now_s)

    def receive_text(self, data: str | bytes, now_s: float) -> Sequence[SessionEvent]:
        """Take one text message; its answer, if it has one, waits in `data_to_send`."""
        self._patience.hear(now_s)
        self._flooded |= self._toll.is_due(now_s)
        if self._flooded and self.state is not State.DISCONNECTING:
            return self._break("too_many")
        envelope = read(data)
        if isinstance(envelope, str):
            return self._break(envelope)
        if self._flooded and envelope.type != "close":  # which may stand behind thousands of others
            return (Ignored("too_many"),)
        if self.state not in SILENT and (fault := self._numbering.check(envelope)):
            return self._break(fault)
        self._numbering.seen(envelope)
        message = decode(envelope)
        return self._break("parameters") if message is None else self._take(message)

    def opened(self, media: Media | None, languages: Sequence[str] = ()) -> bool:
        """Answer `open` with one of its media or none; ValueError for another. `languages` are told if they were asked for."""
        asked = self._asked
        if asked is None or self.state is not State.ASKED:
            return False
        if media is not None and media not in asked.media:
            raise ValueError("opened with media that were not offered")
        self._say(messages.Opened(media, tuple(languages) if asked.asks_languages else None), then=_OPEN)
        self._asked, self.media, self._opened_s = None, media, self._patience.heard_s
        self._frame_bytes = media.bytes_per_sample_frame if media else NO_MEDIA
        return True

    def disconnect(self, reason: DisconnectReason, info: str) -> bool:
        """Ask the peer to end the session. `info` holds nothing of a caller: Genesys keeps it."""
        return self._disconnect(reason, info, _CODES[reason])

    def pause(self) -> bool:
        """Ask the peer for no audio; it answers `paused`."""
        return self._say(messages.Pause())

    def resume(self) -> bool:
        """Ask for audio again."""
        return self._say(messages.Resume())

    def reconnect(self, info: str) -> bool:
        """Ask the peer for a new session in place of this one."""
        return self._say(messages.Reconnect(info))

    def updated(self) -> bool:
        """Say that the language asked for is taken."""
        return self._say(messages.Updated())

    def tell(self, entities: Sequence[Mapping[str, Any]], now_s: float) -> bool:
        """Send what was heard. ValueError for none, and within QUIET_S of `opened` unless the peer is closing."""
        if not entities:
            raise ValueError("an event without entities")
        if self._opened_s is None:
            return False
        if self.state is not State.CLOSING and now_s - self._opened_s < QUIET_S:
            raise ValueError(f"an event within {QUIET_S} s of opened")
        return self._say(messages.Event(entities))

    def closed(self) -> bool:
        """Answer `close`: the last message."""
        if not self._say(messages.Closed(), then=State.CLOSED):
            return False
        self.close_code = NORMAL
        return True

    def wait_s(self, now_s: float) -> float:
        """Seconds that are left to this state: 0 where there are none, infinite once it is over."""
        return self._patience.wait_s(self.state, now_s)

    def wait_over(self, now_s: float) -> Sequence[SessionEvent]:
        """Nothing came in time. Where there is time left, nothing happens."""
        if self.wait_s(now_s) > 0:
            return ()
        over = WAITS[self.state].over
        if over is None:
            self.closed()
            return ()
        if over in OVERS:
            self._disconnect("error", OVERS[over], POLICY)
        self._enter(State.OVER)
        return (events.Over(over),)

    def _take(self, message: messages.ClientMessage) -> Sequence[SessionEvent]:
        """Apply the law to a message that can be read."""
        law, before = PEER[self.state, type(message)], self.state
        if not isinstance(law, State):
            return self._refuse(law)
        if law is not before:
            self._enter(law)
        match message:
            case messages.Ping():
                self._numbering.send(messages.Pong())
                return ()
            case messages.Open():
                if message.organization_id != self._organization_id:
                    return self._break("organization")
                self._asked, self.position_samples = message, message.position_samples
            case messages.Resumed(lost) | messages.Discarded(lost):
                self.position_samples += lost
            case messages.Close() if before is State.CLOSED:
                self._numbering.send(messages.Closed())
                return (Ignored("repeated"),)
        return (_EVENTS[type(message)](message),)

    def _not_taken(self, data: bytes, now_s: float) -> Sequence[SessionEvent]:
        """Audio that the hot path passed over."""
        self._patience.hear(now_s)
        law = PEER[self.state, Audio]
        if not isinstance(law, State):
            return self._refuse(law)
        if not data:
            return (Ignored("audio_empty"),)
        if len(data) > MAX_BYTES:
            return self._break("too_large")
        return self._break("audio_size" if self.media else "audio_without_media")

    def _refuse(self, law: Drop | Break) -> Sequence[SessionEvent]:
        return (Ignored(law.reason),) if isinstance(law, Drop) else self._break(law.fault)

    def _break(self, fault: Fault) -> Sequence[SessionEvent]:
        """Answer a fault; once the end has begun, only count it."""
        if silent := SILENT.get(self.state):
            return (Ignored("too_many" if fault == "too_many" else silent),)
        code = TOO_LARGE if fault == "too_large" else POLICY
        self._disconnect("unauthorized" if fault == "organization" else "error", FAULTS[fault], code)
        return (Faulty(fault),)

    def _disconnect(self, reason: DisconnectReason, info: str, code: int) -> bool:
        if not self._say(messages.Disconnect(reason, info), then=State.DISCONNECTING):
            return False
        self.close_code = code
        return True

    def _say(self, message: ServerMessage, then: State | None = None) -> bool:
        """Send a message that is no answer to a `ping`, if the law allows it now."""
        if self.state not in OURS[type(message)]:
            return False
        self._numbering.send(message)
        if then is not None:
            self._enter(then)
        return True

    def _enter(self, state: State) -> None:
        self.state = state
        self._patience.enter()
