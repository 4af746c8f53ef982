"""One AudioHook session's life on its socket, from the upgrade to the close.

Everything that comes is answered where it is read, before the next message: pings above all, whatever the engine is doing. The
session (genesys/audiohook) says what is allowed and what has happened; here that is done. A session that has opened is a
conversation like any other (registry.py) and ends as one: by the peer's close, by its silence, or turned out by us with a
`disconnect` whose reason tells Genesys whether to come back.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import assert_never

import structlog

from engine.errors import RefusedError
from engine.genesys.audiohook import events
from engine.genesys.audiohook.auth import Identity
from engine.genesys.audiohook.events import SessionEvent
from engine.genesys.audiohook.media import Media, choose
from engine.genesys.audiohook.messages import Discarded, Open, Paused, Resumed
from engine.genesys.audiohook.session import AudioHookSession
from engine.intake.audiohook_line import AudioHookLine
from engine.intake.audiohook_socket import AudioHookSocket
from engine.intake.audiohook_terms import (
    BOTH,
    FAULT_WORDS,
    GONE,
    LAST_WORDS_S,
    NO_MEDIA,
    NOT_TAKEN,
    OVERS,
    TURN_OUT_S,
    TURNED_OUT,
    Surroundings,
    audio_of,
    limits_of,
    wants_transcripts,
)
from engine.intake.audiohook_transcripts import Transcripts
from engine.intake.conversation import Conversation, EndReason
from engine.intake.ports import Lease, Opening
from engine.intake.session_audio import SessionAudio
from engine.metrics import ConversationState

Notice = (  # events that are not about audio
    events.OpenAsked
    | events.LanguageAsked
    | events.CloseAsked
    | events.Ignored
    | events.Faulty
    | events.PeerFault
    | events.DigitPressed
    | events.Over
)

log = structlog.get_logger(__name__)


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
        self._ending = GONE
        self._line = AudioHookLine(socket, self._session, self._act)

    async def run(self) -> None:
        """Listen to the end; the socket is closed on return, whatever has happened."""
        try:
            await self._line.listen()
        finally:
            self._part()
            self._left.set()

    def ask_to_reconnect(self) -> None:
        """Ask the peer to go on elsewhere."""
        self._session.reconnect("this server is stopping")
        self._line.tell()

    def _act(self, happened: Sequence[SessionEvent], now_s: float) -> None:
        for event in happened:
            if isinstance(event, events.AudioReceived):
                assert self._audio is not None
                self._audio.push(event.data, now_s)
            elif isinstance(event, Paused | Resumed | Discarded):
                self._interrupt(event, now_s)
            else:
                self._heed(event)

    def _interrupt(self, event: Paused | Resumed | Discarded, now_s: float) -> None:
        """Audio is left out, or will be: what was being said ends there."""
        if self._audio is not None:
            lost = 0 if isinstance(event, Paused) else event.discarded_samples
            self._audio.leave_out(lost, now_s)
        if not isinstance(event, Discarded):
            self._move("paused" if isinstance(event, Paused) else "listening")

    def _heed(self, event: Notice) -> None:
        match event:
            case events.OpenAsked():
                self._open(event.open)
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
                self._around.metrics.audiohook.fault("peer")
                log.warning("AudioHook peer reports an error", **self._names, code=event.code)
            case events.Over():  # the line ends itself
                self._fault(event.reason, OVERS.get(event.reason, GONE) if self._ending is GONE else self._ending)
            case events.DigitPressed():
                pass
            case _:
                assert_never(event)

    # its beginning

    def _open(self, asked: Open) -> None:
        """Answer at once; who is heard gets its rings first, which takes no time."""
        options = self._around.options
        transcribe = wants_transcripts(asked, options)
        media = choose(asked.media, BOTH if transcribe else self._around.wanted)
        if asked.is_probe:
            self._around.metrics.audiohook.probed()
            log.info("AudioHook probe answered", **self._names)
            self._session.opened(media, options.languages)
        elif media is None:
            self._fault("media")
            self._session.disconnect("error", NO_MEDIA)
        elif self._take(asked, media, transcribe=transcribe):
            self._session.opened(media, options.languages)
            self._move("listening")
        self._around.opened(self._socket)

    def _take(self, asked: Open, media: Media, *, transcribe: bool) -> bool:
        """Become a conversation, or tell the peer why not."""
        options = self._around.options
        if transcribe:
            self._transcripts = Transcripts(self._session, self._identity.session_id, media, options, self._line.tell)
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
        log.info(
            "AudioHook session opened",
            **self._names,
            conversation_id=asked.conversation_id,
            channels=media.channels,
            attempt=self._identity.retry_attempt,
        )
        self._conversation = conversation
        self._audio = audio_of(conversation, lease, media, self._around)
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
                self._line.tell()
        except asyncio.CancelledError as cancelled:
            await self._turn_out(str(cancelled))
            raise
        finally:
            self._audio.close()
        conversation.end(*self._ending)

    async def _turn_out(self, reason: str) -> None:
        """Say so, and wait for the peer's close; what has come of a call that only a stop cuts off is heard."""
        assert self._audio is not None
        self._transcripts = None  # there is no time for last words
        self._session.disconnect(*TURNED_OUT.get(reason, TURNED_OUT["error"]))
        self._line.tell_the_end()
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_OUT_S):
                await self._left.wait()
                if reason == "drained":
                    await self._audio.poured()

    def _close(self, reason: str) -> None:
        """The peer has said its last word."""
        if self._ending is GONE:
            self._ending = ("protocol" if reason == "error" else "ended", f"closed by the peer, reason {reason}")
        self._left.set()
        if self._transcripts is None:
            self._session.closed()

    # small things

    def _fault(self, fault: str, ending: tuple[EndReason, str] | None = None) -> None:
        self._around.metrics.audiohook.fault(fault)
        self._ending = ending or ("protocol", f"the peer broke the protocol: {FAULT_WORDS.get(fault, fault)}")
        broke = self._ending[0] == "protocol"
        sentence = "AudioHook session broke the protocol" if broke else "AudioHook session was lost"
        log.warning(sentence, **self._names, fault=fault, message=self._ending[1])

    def _part(self) -> None:
        """The socket is closed: say why, where nothing was said of it."""
        if self._line.not_read:
            self._fault("not_reading", ("unreachable", "the peer does not read"))
        elif self._socket.broken:
            said = f"the peer broke the WebSocket protocol, which was closed with {self._socket.broken}"
            self._fault("websocket", ("protocol", said))
        elif self._ending is GONE:
            self._fault("gone", GONE)

    def _move(self, state: ConversationState) -> None:
        if self._conversation is not None and not self._conversation.over:
            self._conversation.move(state)

    @property
    def _names(self) -> dict[str, str]:
        """For the log: what is found again in Genesys Cloud."""
        names = {"session_id": self._identity.session_id, "correlation_id": self._identity.correlation_id}
        if self._conversation is not None:
            names["conversation_id"] = self._conversation.conversation_id
        return names
