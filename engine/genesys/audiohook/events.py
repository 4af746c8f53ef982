"""What an AudioHook session tells its owner. Where the peer's own message says it all, that is the event.

After `Paused` no audio comes for now. After `Resumed` it comes again; with it, as with `Discarded`, so many samples per channel
are lost, and the position has gone on by them.
"""

from dataclasses import dataclass, field

from engine.genesys.audiohook.messages import CloseReason, Discarded, Open, Paused, Resumed
from engine.genesys.audiohook.states import Fault, IgnoredReason, OverReason


@dataclass(frozen=True, slots=True)
class OpenAsked:
    """The peer asks for a session; the owner answers with `opened` or `disconnect`."""

    open: Open


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """Whole samples of all channels, interleaved, as they came."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LanguageAsked:
    """Another language is asked for; the owner may answer with `updated`."""

    language: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed a key; which one is not known here."""


@dataclass(frozen=True, slots=True)
class PeerFault:
    """The peer complained: 400 to 9999, or 0 where it told no such code."""

    code: int


@dataclass(frozen=True, slots=True)
class CloseAsked:
    """The peer ends the session; the owner tells what is left to tell, then calls `closed`."""

    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Ignored:
    """What came was left out; the owner counts it."""

    reason: IgnoredReason


@dataclass(frozen=True, slots=True)
class Faulty:
    """The peer broke the protocol and was told so by a `disconnect`; nothing but its `close` is waited for."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Over:
    """The owner sends what is to be sent, then closes the WebSocket with `close_code`."""

    reason: OverReason


SessionEvent = (
    OpenAsked
    | AudioReceived
    | Paused
    | Resumed
    | Discarded
    | LanguageAsked
    | DigitPressed
    | PeerFault
    | CloseAsked
    | Ignored
    | Faulty
    | Over
)
