"""One server-side WebSocket: what is said is written at once and in order; who doesn't take it is cut off.

The library opens, parses, masks and closes. But its `send` waits for the peer, and what waits is not reading; so messages are
written without waiting, and a peer that has let MAX_UNSENT_BYTES pile up is no longer there for us.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from engine.genesys.audiohook.auth import Identity

MAX_BYTES = 128 * 1024  # of a message: up to here the session says that it is too large, beyond it the socket is closed
MAX_UNSENT_BYTES = 64 * 1024
CLOSE_S = 2.0
BROKEN = frozenset({1002, 1007, 1009})  # a frame that is none, text that is not UTF-8, more than MAX_BYTES


class Comings(Protocol):
    """Who wants to know of sockets."""

    def came(self, socket: "AudioHookSocket") -> None:
        """A connection was made; nothing is known of it yet."""
        ...

    def went(self, socket: "AudioHookSocket") -> None:
        """It is gone."""
        ...


class AudioHookSocket(ServerConnection):
    """The library's connection with a `tell` that never waits."""

    def __init__(self, comings: Comings, protocol: ServerProtocol, server: Server, **settings: Any) -> None:
        super().__init__(protocol, server, **settings)
        self._comings = comings
        self.refusal: Response | None = None  # of the upgrade, by us
        self.identity: Identity | None = None  # once the request was found good
        self.broken: int | None = None  # the code it was closed with, where what came was no WebSocket's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is there."""
        super().connection_made(transport)
        self._comings.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is."""
        super().connection_lost(exc)
        self._comings.went(self)

    @property
    def upgraded(self) -> bool:
        """Whether it became a WebSocket."""
        return self.response is not None and self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS

    def tell(self, texts: list[str]) -> bool:
        """Write messages, as far as the socket is open; False where the peer takes nothing: it is cut off."""
        if self.protocol.state is not State.OPEN or not texts:
            return True
        for text in texts:
            self.protocol.send_text(text.encode())
        self.send_data()
        if self.transport.get_write_buffer_size() <= MAX_UNSENT_BYTES:
            return True
        self.transport.abort()
        return False

    async def hear(self) -> str | bytes | None:
        """The next message; None once the socket is closed, by whom and however."""
        try:
            return await self.recv()
        except ConnectionClosed as closed:
            if closed.sent is not None and not closed.rcvd_then_sent:
                self.broken = closed.sent.code if closed.sent.code in BROKEN else None
            return None

    async def leave(self, code: int) -> None:
        """Close, within CLOSE_S whatever the peer does; again is nothing."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.close(code)
        except TimeoutError:
            self.transport.abort()
