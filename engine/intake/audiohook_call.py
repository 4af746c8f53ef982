"""One AudioHook session's life on its socket, from the upgrade to the close.

Everything that comes is answered where it is read, before the next message: pings above all, whatever the engine is doing. The
session (genesys/audiohook) says what is allowed and what has happened; here that is done. A session that has opened is a
conversation like any other (registry.py) and ends as one: by the peer's close, by its silence, or turned out by us with a
`disconnect` whose reason tells Genesys whether to come back.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import assert_never

import structlog

from engine.audio.interleaved import ENCODED_BYTES, TAKE_APART
from engine.errors import RefusedError
from engine.genesys.audiohook import events
from engine.genesys.audiohook.auth import Identity
from engine.genesys.audiohook.events import SessionEvent
from engine.genesys.audiohook.media import Media, choose
from engine.genesys.audiohook.messages import DisconnectReason, Open
from engine.genesys.audiohook.session import AudioHookSession, SessionLimits
from engine.intake.audiohook_socket import AudioHookSocket
from engine.intake.audiohook_transcripts import Transcripts
from engine.intake.conversation import Conversation, EndReason, Lease, Opening
from engine.intake.registry import Follow
from engine.intake.session_audio import Pump, SessionAudio
from engine.metrics import ConversationState, Metrics
from engine.options import AudioHookOptions, Channel

TURN_OUT_S = 3.0  # for the peer's close, once we have asked for it; the registry waits for CLOSE_TIMEOUT_S
LAST_WORDS_S = 4.0  # for the last transcripts, before `closed`: the peer waits 10 s for that
PATIENCE_STEP_S = 1.0  # how exactly the peer's silence is timed

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

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all sessions share."""

    open: Callable[[Opening, Follow], tuple[Conversation, Lease]]  # RefusedError
    opened: Callable[[AudioHookSocket], None]  # the socket is no longer half-open
    wanted: frozenset[Channel]  # channels that some rule listens to
    options: AudioHookOptions
    metrics: Metrics
    pump: Pump


def limits_of(options: AudioHookOptions) -> SessionLimits:
    """The session's waits, as configured."""
    return SessionLimits(
        open_s=options.open_timeout_s, silence_s=options.silence_timeout_s, close_s=options.close_timeout_s
    )


class AudioHookCall:
    """One session on one socket. `run` is called once."""

    def __init__(self, socket: AudioHookSocket, identity: Identity, around: Surroundings) -> None:
        self._socket = socket
        self._identity = identity
        self._around = around
        self._session = AudioHookSession(identity.session_id, identity.organization_id, limits_of(around.options))
        self._conversation: Conversation | None = None
        self._audio: SessionAudio | None = None
        self._transcripts: Transcripts | None = None
        self._left = asyncio.Event()  # the peer is done with us, or gone
        self._ending: tuple[EndReason, str] = ("unreachable", "the connection was lost without a close")
        self._over = False

    async def run(self) -> None:
        """Listen to the end; the socket is closed on return, whatever has happened."""
        try:
            while not self._over:
                await self._listen()
        finally:
            self._left.set()
            await self._socket.leave(self._session.close_code)

    def ask_to_reconnect(self) -> None:
        """Tell the peer that another server should take over."""
        self._session.reconnect("this server is stopping")
        self._tell()

    async def _listen(self) -> None:
        """Take messages until the end, or until the peer was silent for too long."""
        now_s = monotonic()
        told_s = now_s
        try:
            async with asyncio.timeout(self._session.wait_s(now_s)) as patience:
                while not self._over:
                    message = await self._socket.hear()
                    if message is None:
                        self._over = True
                        return
                    now_s = monotonic()
                    if isinstance(message, bytes):
                        self._act(self._session.receive_audio(message, now_s), now_s)
                        if now_s - told_s < PATIENCE_STEP_S:
                            continue
                    else:
                        self._act(self._session.receive_text(message, now_s), now_s)
                    self._tell()
                    told_s = now_s
                    patience.reschedule(asyncio.get_running_loop().time() + self._session.wait_s(now_s))
        except TimeoutError:
            self._act(self._session.wait_over(monotonic()), monotonic())
            self._tell()

    def _tell(self) -> None:
        if not self._socket.tell(self._session.data_to_send()):
            self._around.metrics.audiohook_fault("not_reading")
            self._ending = ("unreachable", "the peer does not read")

    def _act(self, happened: Sequence[SessionEvent], now_s: float) -> None:
        for event in happened:
            match event:
                case events.AudioReceived():
                    assert self._audio is not None
                    self._audio.push(event.data, now_s)
                case events.OpenAsked():
                    self._open(event.open)
                case events.Paused():
                    self._left_out(0, now_s)
                    self._move("paused")
                case events.Resumed():
                    self._left_out(event.discarded_samples, now_s)
                    self._move("listening")
                case events.Discarded():
                    self._left_out(event.discarded_samples, now_s)
                case events.LanguageAsked():
                    if self._transcripts is not None:
                        self._transcripts.language(event.language)
                    self._session.updated()
                case events.CloseAsked():
                    self._close(event.reason)
                case events.Ignored():
                    self._around.metrics.message_ignored(event.reason)
                case events.Faulty():
                    self._fault(event.fault)
                case events.PeerFault():
                    self._around.metrics.audiohook_fault("peer")
                    log.warning("AudioHook peer reports an error", **self._names, code=event.code)
                case events.DigitPressed():
                    pass
                case events.Over():
                    self._over = True
                case _:
                    assert_never(event)

    # its beginning

    def _open(self, asked: Open) -> None:
        """Answer at once; who is heard gets its rings first, which takes no time."""
        options = self._around.options
        media = choose(asked.media, self._around.wanted)
        languages = options.languages if asked.asks_languages else ()
        if asked.is_probe:
            self._around.metrics.audiohook_probed()
            self._session.opened(media, languages)
        elif media is None:
            self._fault("media")
            self._session.disconnect("error", "no media offered that can be heard: PCMU or L16, 8000 Hz")
        elif self._take(asked, media):
            self._session.opened(media, languages)
            self._move("listening")
        self._around.opened(self._socket)

    def _take(self, asked: Open, media: Media) -> bool:
        """Become a conversation, or tell the peer why not."""
        options = self._around.options
        if options.transcribes(asked.language):
            self._transcripts = Transcripts(self._session, self._identity.session_id, media, options, self._tell)
        opening = Opening(
            asked.conversation_id,
            self._identity.session_id,
            media.channels,
            asked.continued,
            self._transcripts.heard if self._transcripts else None,
        )
        try:
            conversation, lease = self._around.open(opening, self._follow)
        except RefusedError as refused:
            self._transcripts = None
            log.warning("AudioHook session refused", **self._names, reason=refused.reason, message=str(refused))
            self._session.disconnect(*NOT_TAKEN.get(refused.reason, NOT_TAKEN["capacity"]))
            return False
        feeds = [lease.feed(channel) for channel in media.channels]
        take_apart = TAKE_APART[media.format, len(feeds)]
        sample_bytes = ENCODED_BYTES[media.format] * len(feeds)
        self._conversation = conversation
        self._audio = SessionAudio(
            conversation, feeds, take_apart, sample_bytes, self._around.pump, self._around.metrics
        )
        self._audio.begin(asked.position_samples)
        return True

    # its end

    async def _follow(self, conversation: Conversation, lease: Lease) -> None:
        """Stay until the peer has left, or turn it out when cancelled, for the reason that the cancellation names."""
        assert self._audio is not None
        try:
            await self._left.wait()
            await self._audio.poured()
            if self._transcripts is not None:
                lease.release()
                await lease.heard(LAST_WORDS_S)
                self._session.closed()
                self._tell()
        except asyncio.CancelledError as cancelled:
            await self._turn_out(str(cancelled))
            raise
        finally:
            self._audio.close()
        conversation.end(*self._ending)

    async def _turn_out(self, reason: str) -> None:
        self._transcripts = None  # there is no time for last words
        self._session.disconnect(*TURNED_OUT.get(reason, TURNED_OUT["error"]))
        self._tell()
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_OUT_S):
                await self._left.wait()

    def _close(self, reason: str) -> None:
        """The peer has said its last word."""
        failed = reason == "error"
        self._ending = ("protocol", "the peer ended it by an error") if failed else ("ended", f"closed by the peer: {reason}")
        self._left.set()
        if self._transcripts is None:
            self._session.closed()

    # small things

    def _fault(self, fault: str) -> None:
        self._around.metrics.audiohook_fault(fault)
        self._ending = ("protocol", f"the peer broke the protocol: {fault}")
        log.warning("AudioHook session broke the protocol", **self._names, fault=fault)

    def _left_out(self, samples: int, now_s: float) -> None:
        if self._audio is not None:
            self._audio.leave_out(samples, now_s)

    def _move(self, state: ConversationState) -> None:
        if self._conversation is not None and not self._conversation.over:
            self._conversation.move(state)

    @property
    def _names(self) -> dict[str, str]:
        """For the log: what is found again in Genesys Cloud."""
        return {"session_id": self._identity.session_id, "correlation_id": self._identity.correlation_id}
