"""The WebSocket under a session: the signed upgrade, and writing finished frames.

aiohttp opens, reads, and answers the library's own pings. What is sent is written straight to the transport as whole frames
(`frames`): no coroutine, no masking and no copy per message, so that a load generator costs little beside what it loads, and a
fault may write what no library would.
"""

import asyncio
import os
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Self
from uuid import uuid4

import aiohttp
from aiohttp import WSMsgType
from yarl import URL

from engine.errors import ConfigError, CuelineError
from engine.simulator.audiohook.frames import BINARY, CLOSE, TEXT, frame
from engine.simulator.audiohook.options import HookOptions
from engine.simulator.audiohook.signing import Upgrade

READ_MAX_BYTES = 1024 * 1024
BUFFER_BYTES = 8 * 1024 * 1024  # what a session may have unsent before the transport complains to nobody

Headers = list[tuple[str, str]]


class UpgradeFailedError(CuelineError):
    """No WebSocket came of it; `status` is the HTTP answer's, 0 when there was none."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class HookSocket(aiohttp.ClientWebSocketResponse):
    """aiohttp's socket, with the transport for those who write whole frames."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the connection is gone."""
        transport = None if self._conn is None else self._conn.transport
        return None if transport is None or transport.is_closing() else transport

    def put(self, data: bytes) -> bool:
        """Write bytes as they are; whether there was a connection to write to."""
        transport = self.transport
        if transport is None:
            return False
        transport.write(data)
        return True

    def put_text(self, text: bytes) -> bool:
        """One text message."""
        return self.put(frame(TEXT, text))

    def put_audio(self, audio: bytes) -> bool:
        """One binary message."""
        return self.put(frame(BINARY, audio))

    def put_close(self) -> bool:
        """Genesys closes with an empty frame: the server sees 1005."""
        return self.put(frame(CLOSE, b""))

    @property
    def unsent(self) -> int:
        """Bytes that the server has not taken yet."""
        transport = self.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def abort(self) -> None:
        """Reset the connection."""
        transport = self.transport
        if transport is not None:
            transport.abort()

    def stand_still(self) -> Callable[[], None]:
        """Read nothing until what is returned is called."""
        if self.transport is not None:
            self.transport.pause_reading()
        return self._go_on

    def _go_on(self) -> None:
        if self.transport is not None:
            self.transport.resume_reading()

    def let_go(self) -> None:
        """Close the connection under the socket, whatever of the WebSocket's close is still to come."""
        self._response.close()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What comes, until the socket closes (then `close_code` is the server's)."""
        while True:
            message = await self.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            yield message.data


class Dialer:
    """Opens sockets to one server; all share a connector and, with TLS, a context. Used as an async context manager."""

    def __init__(self, options: HookOptions) -> None:
        self._options = options
        self.url = URL(options.url, encoded=True)
        self.trust = _trust(options)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self.trust, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            ws_response_class=HookSocket,
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.close()

    def upgrade(self, attempt: int = 0) -> Upgrade:
        """A new session's request, signed for now."""
        return Upgrade(
            target=self.url.raw_path_qs,
            authority=self.url.host_port_subcomponent or "",
            organization_id=self._options.organization_id,
            session_id=str(uuid4()),
            correlation_id=str(uuid4()),
            api_key=self._options.api_key,
            secret=self._options.client_secret,
            created=int(time.time()),
            nonce=secrets.token_urlsafe(18),
            attempt=attempt,
        )

    async def dial(
        self, upgrade: Upgrade, alter: Callable[[Headers], Headers] | None = None, url: URL | None = None
    ) -> HookSocket:
        """Open a socket. `alter` spoils the headers, `url` the address. UpgradeFailedError."""
        headers = upgrade.headers()
        try:
            async with asyncio.timeout(self._options.connect_timeout_s):
                socket: Any = await self._http.ws_connect(
                    url or self.url,
                    headers=alter(headers) if alter else headers,
                    autoclose=False,
                    max_msg_size=READ_MAX_BYTES,
                    compress=0,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise UpgradeFailedError(error.status, f"the upgrade was answered with {error.status}") from error
        except TimeoutError as error:
            raise UpgradeFailedError(0, "the upgrade was not answered in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UpgradeFailedError(0, _sentence(error)) from error
        if socket.transport is not None:
            socket.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        return socket  # type: ignore[no-any-return]


def _sentence(error: Exception) -> str:
    """Why there was no connection, without the address: its query may hold a secret."""
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as cause):
            return f"the server's certificate is not trusted: {cause.verify_message}"
        case aiohttp.ClientConnectorSSLError():
            return f"no TLS with the server: {error.os_error.reason or error.os_error.strerror}"
        case aiohttp.ClientConnectorError():
            return f"can't connect: {_system(error.os_error)}"
        case aiohttp.ClientResponseError() | aiohttp.InvalidURL():
            return f"what answered is no WebSocket server: {type(error).__name__}"
        case _:
            return f"the server closed the connection before it answered: {error}"


def _system(error: OSError) -> str:
    """The system's own words: each event loop has others, with the address in them."""
    number = error.errno or 0  # negative where a name could not be looked up
    return os.strerror(number) if number > 0 else str(error.strerror or error)


def _trust(options: HookOptions) -> ssl.SSLContext | bool:
    """ConfigError where the authority can't be read. True, which is aiohttp's own, where it is not needed: it takes 50 ms."""
    if not options.url.startswith("wss:"):
        return True
    try:
        return ssl.create_default_context(cafile=None if options.ca is None else str(options.ca))
    except OSError as error:
        raise ConfigError([f"ca {options.ca}: can't be used: {error.strerror or error}"]) from error
