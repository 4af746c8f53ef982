"""The sockets of the AudioHook server, and those among them that have no session yet: of these only so many are kept.

Whoever connects and says nothing costs a descriptor for as long as we wait for it. Where there are too many, the oldest goes: a
good peer has opened its session within milliseconds, so in a flood it is not the oldest for long.
"""

from engine.intake.audiohook_socket import AudioHookSocket
from engine.intake.refusals import Refusals


class HalfOpen:
    """Counts sockets as they come and go."""

    def __init__(self, most: int, refusals: Refusals) -> None:
        self._most = most
        self._refusals = refusals
        self._waiting: dict[AudioHookSocket, None] = {}  # the oldest first
        self.sockets = 0

    def came(self, socket: AudioHookSocket) -> None:
        """A connection was made."""
        self.sockets += 1
        self._waiting[socket] = None
        if len(self._waiting) > self._most:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            self._refusals.told("half_open")
            oldest.transport.abort()

    def opened(self, socket: AudioHookSocket) -> None:
        """It has a session."""
        self._waiting.pop(socket, None)

    def went(self, socket: AudioHookSocket) -> None:
        """It is gone."""
        self.sockets -= 1
        waited = socket in self._waiting
        self._waiting.pop(socket, None)
        if waited and socket.refusal is None and not socket.upgraded:
            self._refusals.told("no_upgrade")
