"""One WebSocket of the real-time client: opening it, and what its failures and its end mean.

It knows neither the protocol nor conversations. How messages come through is `direct_connection.py`'s.
"""

import asyncio
import ssl
import time
from functools import cache
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidStatus, InvalidURI, WebSocketException

from engine.errors import CuelineError
from engine.intake.direct_connection import MAX_BYTES, DirectConnection, Take
from engine.intake.silent_websockets import SILENT
from engine.options import GenesysOptions, public_url
from engine.retry_after import retry_after

CLOSE_TIMEOUT_S = 1.0
TOO_LARGE = 1009
NO_CLOSE = 1006  # the connection was lost without a close

_HINT = "check the network, GENESYS_REGION and GENESYS_REALTIME_URL"


class SocketFailedError(CuelineError):
    """No socket could be opened."""


class SocketRefusedError(CuelineError):
    """The server answered the opening with an HTTP status."""

    def __init__(self, status: int, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class SocketClosedError(CuelineError):
    """The socket is gone; `code` is the close code of whoever closed first."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class RealtimeSocket:
    """An open socket; its owner closes it."""

    def __init__(self, connection: DirectConnection, send_timeout_s: float) -> None:
        self._connection = connection
        self._send_timeout_s = send_timeout_s

    @classmethod
    async def open(cls, options: GenesysOptions) -> Self:
        """Open within `connect_timeout_s`. SocketRefusedError or SocketFailedError."""
        try:
            connection = await connect(
                options.realtime_url,
                compression=None,
                open_timeout=options.connect_timeout_s,
                ping_interval=options.ping_interval_s,
                ping_timeout=options.ping_interval_s,
                close_timeout=CLOSE_TIMEOUT_S,
                max_size=MAX_BYTES,
                logger=SILENT,
                create_connection=DirectConnection,
                **way_to(options.realtime_url),
            )
        except InvalidStatus as error:
            answer = error.response
            (asked, *_) = [*answer.headers.get_all("Retry-After"), None]  # `get` raises where there are two
            wait_s = retry_after(asked, time.time())
            raise SocketRefusedError(answer.status_code, answer.reason_phrase, wait_s) from error
        except (InvalidURI, InvalidProxy) as error:  # their texts hold the whole address
            where = public_url(options.realtime_url)
            raise SocketFailedError(f"{where} can't be reached: {type(error).__name__}; {_HINT}") from error
        except (OSError, WebSocketException) as error:
            where = public_url(options.realtime_url)
            raise SocketFailedError(f"{where} can't be reached: {error or type(error).__name__}; {_HINT}") from error
        assert isinstance(connection, DirectConnection)
        return cls(connection, options.connect_timeout_s)

    async def deliver(self, take: Take) -> None:
        """Hand every message, text or binary alike, to `take` as it comes, until it returns True; pings bound the wait.

        No message is lost between two deliveries, nor by cancelling one. SocketClosedError, and whatever `take` raises.
        """
        try:
            await self._connection.deliver(take)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def send(self, text: str) -> None:
        """Send a message. SocketClosedError, also where the peer takes nothing in time."""
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._connection.send(text)
        except ConnectionClosed as error:
            raise _closed(error) from error
        except TimeoutError as error:
            raise SocketClosedError(NO_CLOSE, "the peer does not read") from error

    async def close(self) -> None:
        """Close, within 2 * CLOSE_TIMEOUT_S whatever the peer does; again is nothing."""
        self._connection.leave_out()
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):  # the library's own limit leaves out a full send buffer
                await self._connection.close()
        except TimeoutError:
            self._connection.transport.abort()


def _closed(error: ConnectionClosed) -> SocketClosedError:
    """Tell who closed first, and how; a ping that went unanswered has a close of our own."""
    first = error.rcvd if error.sent is None or error.rcvd_then_sent else error.sent
    return (
        SocketClosedError(first.code, first.reason) if first else SocketClosedError(NO_CLOSE, "the connection was lost")
    )


def way_to(url: str) -> dict[str, Any]:
    """TLS where the address asks for it, its certificates read once; no proxy to this machine itself."""
    parts = urlsplit(url)
    way: dict[str, Any] = {"ssl": _tls()} if parts.scheme == "wss" else {}
    if _is_loopback(parts.hostname or ""):
        way["proxy"] = None
    return way


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
