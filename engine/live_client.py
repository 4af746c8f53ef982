"""The reader of `GET /v1/live` (docs/live.md): server-sent events from an engine, over HTTP, one connection at a time.

`EventReader` is the format, without I/O; `LiveClient` one address with its token. What a connection ends with is either nothing
(the engine has closed the stream) or a LiveError, whose sentence can be shown as it is. Connecting again is the caller's.
"""

import os
import ssl
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from engine.errors import ConfigError, LiveError

PATH = "/v1/live"
CONNECT_S = 10.0
SILENCE_S = 30.0  # ticks come every second
EVENT_BYTES = 32 * 1024 * 1024  # the state of some thousand calls takes a tenth of it
DETAIL_CHARS = 200
WANTS_TOKEN = "the engine wants a token: set CUELINE_ADMIN_TOKEN or CUELINE_ADMIN_TOKEN_FILE"  # noqa: S105 - a sentence
WRONG_TOKEN = "the token is not the engine's: look at CUELINE_ADMIN_TOKEN or CUELINE_ADMIN_TOKEN_FILE"  # noqa: S105


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of the feed; docs/live.md has the kinds and what they hold."""

    kind: str
    data: dict[str, Any]


class EventReader:
    """Server-sent events out of bytes that come in any pieces. Comments, numbers and retry times are passed over."""

    def __init__(self, most_bytes: int = EVENT_BYTES) -> None:
        self._most = most_bytes
        self._rest = bytearray()  # of a line that has not ended
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[LiveEvent]:
        """The events that are whole by now. LiveError where one is too long or no JSON object."""
        self._rest += chunk
        lines: list[bytearray] = []
        if b"\n" in chunk:
            *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if (event := self._line(bytes(line).removesuffix(b"\r"))) is not None:
                yield event
        if len(self._rest) + self._size > self._most:
            raise LiveError("an event of the feed is too long to be one", again=False)

    def _line(self, line: bytes) -> LiveEvent | None:
        if not line:
            return self._event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value.decode(errors="replace")
        elif name == b"data":
            self._data.append(value)
            self._size += len(value)
        return None

    def _event(self) -> LiveEvent | None:
        kind, data = self._kind or "message", b"\n".join(self._data)
        self._kind, self._size = "", 0
        self._data.clear()
        if not data:
            return None
        try:
            found = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise LiveError("what it sends can't be read: no JSON", again=True) from error
        if not isinstance(found, dict):
            raise LiveError("what it sends can't be read: no JSON object", again=True)
        return LiveEvent(kind, found)


class LiveClient:
    """An engine's feed. ConfigError where the authority's file can't be used."""

    def __init__(
        self, url: str, token: str | None = None, ca: Path | None = None, silence_s: float = SILENCE_S
    ) -> None:
        """`url` is the admin API's; `ca` a PEM file of authorities to trust besides none else."""
        self.url = url.rstrip("/")
        self._headers = {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._told = token is not None
        self._tls = _trusting(ca)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)

    async def events(self) -> AsyncGenerator[LiveEvent, None]:
        """The events of one connection until the engine closes it. LiveError says why there are none or no more.

        Who leaves early closes it (`contextlib.aclosing`), or the connection lives on.
        """
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout, headers=self._headers) as http,
                http.get(self.url + PATH, ssl=self._tls, allow_redirects=False) as response,
            ):
                await self._check(response)
                reader = EventReader()
                async for chunk in response.content.iter_any():
                    for event in reader.feed(chunk):
                        yield event
        except aiohttp.ClientConnectorCertificateError as error:
            raise LiveError(
                f"the certificate of {self.url} is not trusted; --ca names its authority", again=False
            ) from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise LiveError(f"{self.url} is no address", again=False) from error
        except aiohttp.ClientConnectorError as error:
            why = os.strerror(error.errno) if error.errno else type(error.os_error).__name__
            raise LiveError(f"{self.url} is not reachable ({why}); is the engine running there?", again=True) from error
        except TimeoutError as error:
            raise LiveError(f"{self.url} says nothing", again=True) from error
        except aiohttp.ClientError as error:
            raise LiveError(f"the connection to {self.url} broke ({type(error).__name__})", again=True) from error

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        """LiveError for any answer that is not the feed."""
        status = response.status
        if status == 401:
            raise LiveError(WRONG_TOKEN if self._told else WANTS_TOKEN, again=False)
        if status == 404:
            raise LiveError(f"there is no live feed at {self.url}: an older Cueline, or something else", again=False)
        if status != 200:
            again = status == 429 or status >= 500
            raise LiveError(f"{self.url} answers {status}{await _detail(response)}", again=again)
        if response.content_type != "text/event-stream":
            raise LiveError(f"{self.url} answers, but it is not Cueline", again=False)


def _trusting(ca: Path | None) -> ssl.SSLContext | bool:
    if ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError([f"--ca = {ca}: can't be used ({error.strerror or error})"]) from error


async def _detail(response: aiohttp.ClientResponse) -> str:
    """What a problem+json answer says, in brackets."""
    try:
        detail = str(orjson.loads(await response.read())["detail"])[:DETAIL_CHARS]
    except (ValueError, KeyError, TypeError):
        return ""
    return f" ({detail})"
