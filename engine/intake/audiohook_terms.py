"""The terms on which AudioHook sessions are served: what is told to those that are not taken or turned out, and what all share.

`error` lets Genesys try again, up to five times and perhaps with another server; `completed` ends the matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from engine.audio.interleaved import TAKE_APART
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.media import Media
from engine.genesys.audiohook.messages import DisconnectReason, Open
from engine.genesys.audiohook.states import FAULTS, OverReason
from engine.intake.audiohook_socket import AudioHookSocket
from engine.intake.conversation import Conversation, EndReason
from engine.intake.ports import Lease, Opening
from engine.intake.registry import Follow
from engine.intake.session_audio import Pump, SessionAudio
from engine.metrics import Metrics
from engine.options import AudioHookOptions, Channel

TURN_OUT_S = 3.0  # for the peer's close, once we have asked for it; the registry waits for CLOSE_TIMEOUT_S
LAST_WORDS_S = 4.0  # for the last transcripts, before `closed`: the peer waits 10 s for that

BOTH: frozenset[Channel] = frozenset(get_args(Channel))  # for transcripts, whatever the rules listen to

# What a session is told that we end: the reason decides whether Genesys tries again, with this engine or another.
TURNED_OUT: dict[str, tuple[DisconnectReason, str]] = {
    "removed": ("completed", "removed on request"),
    "drained": ("error", "this server is stopping"),
    "quarantined": ("completed", "this conversation can't be heard"),
    "error": ("error", "internal error"),
}
# What an `open` is told that is not taken; all else may go better on another try.
NOT_TAKEN: dict[str, tuple[DisconnectReason, str]] = {
    "capacity": ("error", "no capacity left"),
    "draining": ("error", "this server is stopping"),
    "duplicate": ("error", "this session is open already"),
    "quarantined": ("completed", "this conversation can't be heard"),
}

NO_MEDIA = "no media offered that can be heard: PCMU or L16, 8000 Hz"
FAULT_WORDS: dict[str, str] = {**{str(fault): words for fault, words in FAULTS.items()}, "media": NO_MEDIA}

# How a session has ended that its peer did not close.
GONE: tuple[EndReason, str] = ("unreachable", "the connection was lost without a close")
OVERS: dict[OverReason, tuple[EndReason, str]] = {
    "no_open": ("unreachable", "the peer sent no open in time"),
    "silent": ("unreachable", "the peer was silent for too long"),
    "no_close": ("unreachable", "the peer did not close when it was asked to"),
}

OpenSession = Callable[[Opening, Follow], tuple[Conversation, Lease]]  # RefusedError


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions share."""

    open: OpenSession
    opened: Callable[[AudioHookSocket], None]  # the socket is no longer half-open
    wanted: frozenset[Channel]  # channels that some rule listens to
    options: AudioHookOptions
    metrics: Metrics
    pump: Pump


def wants_transcripts(asked: Open, options: AudioHookOptions) -> bool:
    """Whether it is a Transcription Connector that asks, in a language of ours: only that names one, or asks for ours."""
    language = asked.language or (options.languages[0] if asked.asks_languages and options.languages else None)
    return options.transcribes(language)


def limits_of(options: AudioHookOptions) -> SessionLimits:
    """The session's waits, as configured."""
    return SessionLimits(
        open_s=options.open_timeout_s, silence_s=options.silence_timeout_s, close_s=options.close_timeout_s
    )


def audio_of(conversation: Conversation, lease: Lease, media: Media, around: Surroundings) -> SessionAudio:
    """The way from a session's binary messages to the rings of its lease."""
    feeds = [lease.feed(channel) for channel in media.channels]
    take_apart = TAKE_APART[media.format, len(feeds)]
    return SessionAudio(conversation, feeds, take_apart, media.bytes_per_sample_frame, around.pump, around.metrics)
