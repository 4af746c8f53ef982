"""The law of an AudioHook session, as tables: what the peer may say when, what we may say when, how long silence may last.

Read a row of PEER from left to right through a session's life. A state in a cell: the message is taken, and that state follows
(HERE: the same). Drop: it is left out and counted under that name; the session goes on. Break: the session is over but for its
end: the peer is told `disconnect` with the words of FAULTS, and its `close` is waited for.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from engine.genesys.audiohook.decoding import EnvelopeFault
from engine.genesys.audiohook.messages import (
    Close,
    Closed,
    Discarded,
    Disconnect,
    Dtmf,
    Error,
    Event,
    Open,
    Opened,
    Pause,
    Paused,
    Ping,
    Playback,
    Reconnect,
    Resume,
    Resumed,
    Unknown,
    Update,
    Updated,
)
from engine.genesys.audiohook.numbering import NumberFault


class State(Enum):
    """Where a session stands; OVER is final."""

    OPENING = auto()  # no `open` yet
    ASKED = auto()  # `open` received; the owner's answer is awaited
    OPEN = auto()
    PAUSED = auto()  # the peer sends no audio
    DISCONNECTING = auto()  # `disconnect` sent; the peer's `close` is awaited
    CLOSING = auto()  # `close` received; `closed` is not yet sent
    CLOSED = auto()  # `closed` sent; the peer closes the WebSocket
    OVER = auto()  # the owner closes the WebSocket


Breach = Literal[
    "parameters", "order", "organization", "too_many", "audio_before_open", "audio_without_media", "audio_size"
]
Fault = EnvelopeFault | NumberFault | Breach
IgnoredReason = Literal[
    "repeated", "unknown_type", "playback", "audio_paused", "audio_empty", "too_many", "after_disconnect", "after_close"
]
OverReason = Literal["no_open", "silent", "no_close", "lingered"]


@dataclass(frozen=True, slots=True)
class Drop:
    """Left out."""

    reason: IgnoredReason


@dataclass(frozen=True, slots=True)
class Break:
    """A fault."""

    fault: Fault


class Audio:
    """A binary message, in the table beside the others."""


Cell = State | Drop | Break | Literal["here"]
HERE: Cell = "here"

_OPENING, _ASKED, _OPEN, _PAUSED, _, _CLOSING, _, _ = State
_AGAIN, _WHAT, _PLAY, _MUTE = Drop("repeated"), Drop("unknown_type"), Drop("playback"), Drop("audio_paused")
_VOID, _LATE = Drop("after_disconnect"), Drop("after_close")
_ORDER, _SOON = Break("order"), Break("audio_before_open")

# fmt: off
_PEER: dict[type, tuple[Cell, ...]] = {
    # in:        OPENING   ASKED     OPEN      PAUSED    DISCONNECTING CLOSING  CLOSED  OVER
    Open:       (_ASKED,   _AGAIN,   _AGAIN,   _AGAIN,   _VOID,        _LATE,   _LATE,  _LATE),
    Ping:       (HERE,     HERE,     HERE,     HERE,     HERE,         HERE,    HERE,   _LATE),
    Update:     (_ORDER,   _ORDER,   HERE,     HERE,     _VOID,        _LATE,   _LATE,  _LATE),
    Audio:      (_SOON,    _SOON,    HERE,     _MUTE,    _VOID,        _LATE,   _LATE,  _LATE),
    Paused:     (_ORDER,   _ORDER,   _PAUSED,  _AGAIN,   _VOID,        _LATE,   _LATE,  _LATE),
    Resumed:    (_ORDER,   _ORDER,   HERE,     _OPEN,    _VOID,        _LATE,   _LATE,  _LATE),
    Discarded:  (_ORDER,   _ORDER,   HERE,     HERE,     _VOID,        _LATE,   _LATE,  _LATE),
    Close:      (_CLOSING, _CLOSING, _CLOSING, _CLOSING, _CLOSING,     _AGAIN,  HERE,   _LATE),
    Error:      (HERE,     HERE,     HERE,     HERE,     HERE,         HERE,    HERE,   _LATE),
    Dtmf:       (_ORDER,   _ORDER,   HERE,     HERE,     _VOID,        _LATE,   _LATE,  _LATE),
    Playback:   (_PLAY,    _PLAY,    _PLAY,    _PLAY,    _VOID,        _LATE,   _LATE,  _LATE),
    Unknown:    (_WHAT,    _WHAT,    _WHAT,    _WHAT,    _VOID,        _LATE,   _LATE,  _LATE),
}
# fmt: on
PEER: dict[tuple[State, type], State | Drop | Break] = {
    (state, kind): state if cell == "here" else cell
    for kind, row in _PEER.items()
    for state, cell in zip(State, row, strict=True)
}

# What a peer's fault is from `disconnect` on: nothing but a number. Before, it breaks the session.
SILENT: dict[State, IgnoredReason] = {
    State.DISCONNECTING: "after_disconnect",
    State.CLOSING: "after_close",
    State.CLOSED: "after_close",
    State.OVER: "after_close",
}

# When we may say what; a wish that comes at another time comes too late, as the peer was faster, and is dropped. `pong` is
# always said, and `closed` once more to a `close` that is repeated.
OURS: dict[type, frozenset[State]] = {
    Opened: frozenset({State.ASKED}),
    Updated: frozenset({State.OPEN, State.PAUSED}),
    Pause: frozenset({State.OPEN, State.PAUSED}),
    Resume: frozenset({State.OPEN, State.PAUSED}),
    Event: frozenset({State.OPEN, State.PAUSED, State.CLOSING}),  # if it was opened
    Reconnect: frozenset({State.OPEN, State.PAUSED}),
    Disconnect: frozenset({State.OPENING, State.ASKED, State.OPEN, State.PAUSED}),
    Closed: frozenset({State.CLOSING}),
}


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a state may last: seconds of this limit, since it was entered or since the peer was last heard."""

    limit: Literal["open_s", "silence_s", "close_s", "finish_s", "linger_s"]
    since: Literal["entered", "heard"]
    over: OverReason | None  # None: we say `closed`


WAITS: dict[State, Wait] = {
    State.OPENING: Wait("open_s", "entered", "no_open"),
    State.ASKED: Wait("silence_s", "heard", "silent"),
    State.OPEN: Wait("silence_s", "heard", "silent"),
    State.PAUSED: Wait("silence_s", "heard", "silent"),
    State.DISCONNECTING: Wait("close_s", "entered", "no_close"),
    State.CLOSING: Wait("finish_s", "entered", None),
    State.CLOSED: Wait("linger_s", "entered", "lingered"),
}

# Words of a `disconnect`; Genesys keeps them. Nothing of the peer's own is in them.
FAULTS: dict[Fault, str] = {
    "too_large": "message of more than 64000 bytes",
    "json": "text is not JSON",
    "envelope": "not a message: type, id, seq, serverseq, parameters",
    "version": "version is not 2",
    "position": "position is not a duration",
    "seq": "seq out of order",
    "serverseq": "serverseq not sent yet",
    "id": "id is not this session's",
    "parameters": "parameter missing or wrong",
    "order": "message before open",
    "organization": "organization is not the request's",
    "too_many": "too many messages",
    "audio_before_open": "audio before opened",
    "audio_without_media": "audio, and no media was chosen",
    "audio_size": "audio is not whole samples of all channels",
}
OVERS: dict[OverReason, str] = {"no_open": "no open in time", "silent": "silent for too long"}
