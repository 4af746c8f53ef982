"""One socket of a notification channel: opening it, its messages, and how its silence is judged.

The server beats about every 30 s. After `heartbeat_limit_s` without a message it is asked for a sign of life, and where none comes
within PONG_S it is taken for lost, however open the socket seems. Knows neither topics nor calls.
"""

import asyncio
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from engine.errors import CuelineError
from engine.genesys.notifications import MAX_MESSAGE_BYTES, PING
from engine.intake.realtime_socket import way_to
from engine.intake.silent_websockets import SILENT

PONG_S = 5.0
CLOSE_TIMEOUT_S = 1.0
MOST_WAITING = 256  # messages; beyond them TCP makes the server wait


class ChannelError(CuelineError):
    """The channel's socket could not be opened, or is gone. The message holds no address: it opens the channel to anybody."""


class ChannelSocket:
    """An open socket; its owner closes it."""

    def __init__(self, connection: ClientConnection, silence_s: float, pong_s: float = PONG_S) -> None:
        self._connection = connection
        self._silence_s = silence_s
        self._pong_s = pong_s

    @classmethod
    async def open(cls, uri: str, timeout_s: float, silence_s: float) -> Self:
        """Open it; ChannelError."""
        try:
            connection = await connect(
                uri,
                compression=None,
                open_timeout=timeout_s,
                ping_interval=None,  # the protocol has its own
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=MOST_WAITING,
                logger=SILENT,
                **way_to(uri),
            )
        except (OSError, WebSocketException, ValueError) as error:
            raise ChannelError(f"the channel's socket can't be opened: {_what(error)}") from error
        return cls(connection, silence_s)

    async def receive(self) -> str | bytes:
        """Return the next message; ChannelError once the socket is gone, or silent for too long."""
        try:
            try:
                return await asyncio.wait_for(self._connection.recv(), self._silence_s)
            except TimeoutError:
                async with asyncio.timeout(self._pong_s):
                    await self._connection.send(PING)
                    return await self._connection.recv()
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd else None
            raise ChannelError("the connection was lost" if code is None else f"closed with {code}") from error
        except TimeoutError as error:
            raise ChannelError("no sign of life") from error

    async def close(self) -> None:
        """Close within 2 * CLOSE_TIMEOUT_S; again is nothing."""
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._connection.close()
        except TimeoutError:
            self._connection.transport.abort()


def _what(error: Exception) -> str:
    """What went wrong, without the address that some texts hold."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"answered with {status}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
