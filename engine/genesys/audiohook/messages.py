"""The protocol's messages, one class each: what the client says (read in `decoding.py`) and what we say, with its text.

Nothing is kept of what identifies a caller: names, telephone numbers and pressed digits are checked and dropped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import orjson

from engine.genesys.audiohook.media import Media

VERSION = "2"
MAX_BYTES = 64_000  # of one message, text or audio, either way

CloseReason = Literal["end", "error", "disconnect", "reconnect", "other"]
DisconnectReason = Literal["completed", "unauthorized", "error"]


@dataclass(frozen=True, slots=True)
class Open:
    """A session is asked for. Ids in lower case; positions in samples per channel."""

    organization_id: str
    conversation_id: str
    participant_id: str
    media: tuple[Media, ...]  # those known, in the peer's order
    language: str | None
    asks_languages: bool
    continued: tuple[str, ...]  # ids of the sessions before this one
    is_probe: bool
    position_samples: int


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered at once. `rtt_ns` is the last measured round trip, if told."""

    rtt_ns: int | None


@dataclass(frozen=True, slots=True)
class Update:
    """Another language is asked for."""

    language: str


@dataclass(frozen=True, slots=True)
class Paused:
    """No audio until `resumed`."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Audio flows again, after so much that is lost."""

    discarded_samples: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """So much audio is lost."""

    discarded_samples: int


@dataclass(frozen=True, slots=True)
class Close:
    """The client ends the session. `other` is any reason that is not known."""

    reason: CloseReason


@dataclass(frozen=True, slots=True)
class Error:
    """The client complains; 0 where the code is none from 400 to 9999."""

    code: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed; which one is not kept."""


@dataclass(frozen=True, slots=True)
class Playback:
    """The client played audio of the server's, which we never send."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A type that is not known."""


ClientMessage = (
    Open | Ping | Update | Paused | Resumed | Discarded | Close | Error | Dtmf | Playback | Unknown
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Bare:
    """A message of ours without parameters of its own."""

    TYPE: ClassVar[str]

    def parameters(self) -> dict[str, Any]:
        """Always sent, also where empty: clients take a message without them for malformed."""
        return {}


@dataclass(frozen=True, slots=True)
class Opened(_Bare):
    """The session begins. `languages` is None where they were not asked for."""

    TYPE = "opened"
    media: Media | None
    languages: tuple[str, ...] | None = None

    def parameters(self) -> dict[str, Any]:
        """At most one medium, as it was offered."""
        told: dict[str, Any] = {"startPaused": False, "media": [self.media.raw] if self.media else []}
        return told if self.languages is None else {**told, "supportedLanguages": self.languages}


@dataclass(frozen=True, slots=True)
class Pong(_Bare):
    """Answer to `ping`."""

    TYPE = "pong"


@dataclass(frozen=True, slots=True)
class Updated(_Bare):
    """Answer to `update`."""

    TYPE = "updated"


@dataclass(frozen=True, slots=True)
class Pause(_Bare):
    """Ask for no audio."""

    TYPE = "pause"


@dataclass(frozen=True, slots=True)
class Resume(_Bare):
    """Ask for audio again."""

    TYPE = "resume"


@dataclass(frozen=True, slots=True)
class Event(_Bare):
    """What was heard. At least one entity: clients fall over an event without any."""

    TYPE = "event"
    entities: Sequence[Mapping[str, Any]] = field(repr=False)

    def parameters(self) -> dict[str, Any]:
        """The entities as they are."""
        return {"entities": self.entities}


@dataclass(frozen=True, slots=True)
class Disconnect(_Bare):
    """Ask the client to end the session. `info` is logged by Genesys."""

    TYPE = "disconnect"
    reason: DisconnectReason
    info: str

    def parameters(self) -> dict[str, Any]:
        """Reason and words."""
        return {"reason": self.reason, "info": self.info}


@dataclass(frozen=True, slots=True)
class Reconnect(_Bare):
    """Ask for a new session in place of this one."""

    TYPE = "reconnect"
    info: str

    def parameters(self) -> dict[str, Any]:
        """The words."""
        return {"info": self.info}


@dataclass(frozen=True, slots=True)
class Closed(_Bare):
    """Answer to `close`; the last of ours."""

    TYPE = "closed"


ServerMessage = Opened | Pong | Updated | Pause | Resume | Event | Disconnect | Reconnect | Closed


def encode(message: ServerMessage, session_id: str, seq: int, clientseq: int) -> str:
    """The text of a message of ours."""
    envelope = {
        "version": VERSION,
        "type": message.TYPE,
        "id": session_id,
        "seq": seq,
        "clientseq": clientseq,
        "parameters": message.parameters(),
    }
    return orjson.dumps(envelope).decode()
