"""The transcripts of one session on their way to the peer: in order, and not before it is ready for them."""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from engine.genesys.audiohook.media import Media
from engine.genesys.audiohook.session import QUIET_S, AudioHookSession
from engine.genesys.audiohook.transcripts import entity
from engine.options import AudioHookOptions, Channel
from engine.speech.events import Transcribed

MOST_HELD = 100  # entities that wait for the end of the quiet time


class Transcripts:
    """Turns what workers heard into events. `send` is called once there is something to send."""

    def __init__(
        self,
        session: AudioHookSession,
        session_id: str,
        media: Media,
        options: AudioHookOptions,
        send: Callable[[], None],
    ) -> None:
        self._session = session
        self._session_id = session_id
        self._channels = media.channels
        self._options = options
        self._send = send
        self._held: list[Mapping[str, Any]] = []
        self._ready_s = monotonic() + QUIET_S  # `opened` is said in a moment, or this is not used
        self._serves = True

    def language(self, language: str) -> None:
        """The peer asks for another language: go on, or rest, as far as it is ours."""
        self._serves = self._options.transcribes(language)

    def heard(self, channel: Channel, transcribed: Transcribed) -> None:
        """A hypothesis, partial or final."""
        if not self._serves or len(self._held) >= MOST_HELD:
            return
        self._held.append(entity(transcribed, self._channels.index(channel), self._session_id))
        wait_s = self._ready_s - monotonic()
        if wait_s <= 0:
            self._flush()
        elif len(self._held) == 1:
            asyncio.get_running_loop().call_later(wait_s + 0.01, self._flush)

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held:
            self._session.tell(held, monotonic())
            self._send()
