"""Socket and session of one AudioHook peer, tied together: each message is answered before the next one is read, no wait is endless."""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic

from engine.genesys.audiohook.events import Over, SessionEvent
from engine.genesys.audiohook.session import INTERNAL, AudioHookSession
from engine.intake.audiohook_socket import AudioHookSocket

PATIENCE_STEP_S = 1.0  # how exactly the peer's silence is timed while audio comes

Act = Callable[[Sequence[SessionEvent], float], None]  # what has happened, and when


class AudioHookLine:
    """`act` is told all but the end of the line; what it wants said is said when it returns."""

    def __init__(self, socket: AudioHookSocket, session: AudioHookSession, act: Act) -> None:
        self._socket = socket
        self._session = session
        self._act = act
        self._over = False
        self._patience: asyncio.Timeout | None = None  # while it waits
        self.not_read = False  # the peer took nothing, and was cut off

    async def listen(self) -> None:
        """Take messages to the end; the socket is closed on return, whatever has happened."""
        code = INTERNAL
        try:
            while not self._over:
                await self._listen_patiently()
            code = self._session.close_code
        finally:
            await self._socket.leave(code)

    def tell(self) -> None:
        """Send what the session has to say."""
        if not self._socket.tell(self._session.data_to_send()):
            self.not_read = True

    def tell_the_end(self) -> None:
        """The same, where it was no answer, and the peer has less time now."""
        self.tell()
        if self._patience is not None and not self._patience.expired():
            self._time(self._patience, monotonic())

    async def _listen_patiently(self) -> None:
        """Until the end, or until the peer was silent for too long."""
        state, timed_s = self._session.state, monotonic()
        try:
            async with asyncio.timeout(self._session.wait_s(timed_s)) as self._patience:
                while not self._over:
                    now_s = await self._take_one()
                    if self._session.state is not state or now_s - timed_s >= PATIENCE_STEP_S:
                        state, timed_s = self._session.state, now_s
                        self._time(self._patience, now_s)
        except TimeoutError:
            now_s = monotonic()
            self._react(self._session.wait_over(now_s), now_s)
        finally:
            self._patience = None

    def _time(self, patience: asyncio.Timeout, now_s: float) -> None:
        patience.reschedule(asyncio.get_running_loop().time() + self._session.wait_s(now_s))

    async def _take_one(self) -> float:
        message = await self._socket.hear()
        now_s = monotonic()
        if message is None:
            self._over = True
        elif isinstance(message, bytes):
            self._react(self._session.receive_audio(message, now_s), now_s)
        else:
            self._react(self._session.receive_text(message, now_s), now_s)
        return now_s

    def _react(self, happened: Sequence[SessionEvent], now_s: float) -> None:
        self._act(happened, now_s)
        self._over |= any(isinstance(event, Over) for event in happened)
        self.tell()
