"""For tests of intake: a scripted real-time server on loopback, and a platform and shards that obey intake's Protocols.

A server plays one script per connection, the last one for all that follow. A script is a coroutine function that talks through a
`Peer`; `refuse` and `stall` make scripts that answer the opening handshake instead.
"""

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from engine.errors import PlatformError, RefusedError
from engine.genesys.checks import ConversationCheck
from engine.intake.ports import OnTranscript
from engine.options import Channel, GenesysOptions

LIVE = ConversationCheck(live=True, reason="live")
ENDED = ConversationCheck(live=False, reason="ended")
NOT_VISIBLE = ConversationCheck(live=False, reason="not_visible")

quiet = logging.getLogger("tests.realtime")
quiet.setLevel(logging.CRITICAL + 1)


class Peer:
    """The server's end of one connection, as a script sees it."""

    def __init__(self, connection: ServerConnection, received: list[dict[str, Any]]) -> None:
        self._connection = connection
        self._received = received

    async def hear(self) -> dict[str, Any]:
        """Wait for the client's next message."""
        message = json.loads(await self._connection.recv())
        self._received.append(message)
        return message

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        await self.raw(json.dumps({"type": kind, **fields}))

    async def raw(self, data: str | bytes) -> None:
        """Send anything."""
        await self._connection.send(data)

    async def connect(self) -> None:
        """Let the client connect."""
        await self.hear()
        await self.say("connected")

    async def subscribe(self) -> None:
        """Let the client connect and subscribe, without an acknowledgement."""
        await self.connect()
        await self.hear()

    async def play(self, *chunks: bytes) -> None:
        """Send audio."""
        for chunk in chunks:
            await self.say("audio", audio=base64.b64encode(chunk).decode())

    async def close(self, code: int, reason: str = "") -> None:
        """Close in due form."""
        await self._connection.close(code, reason)

    def drop(self) -> None:
        """Vanish without a close."""
        self._connection.transport.abort()

    def freeze(self) -> None:
        """Read nothing any more, so that pings go unanswered."""
        self._connection.transport.pause_reading()

    async def stay(self) -> None:
        """Do nothing until the client goes."""
        await self._connection.wait_closed()


Script = Callable[[Peer], Awaitable[None]]
Opening = Callable[[ServerConnection], Awaitable[Response | None]]


@dataclass
class Handshake:
    """A script that ends with the opening."""

    answer: Opening

    async def __call__(self, peer: Peer) -> None:
        raise AssertionError("the opening was refused")


def refuse(status: int, **headers: str) -> Handshake:
    """Answer the opening with an HTTP status."""

    async def answer(connection: ServerConnection) -> Response:
        response = connection.respond(status, "refused\n")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return Handshake(answer)


def stall() -> Handshake:
    """Never answer the opening."""

    async def answer(connection: ServerConnection) -> None:
        await connection.connection_lost_waiter

    return Handshake(answer)


@dataclass
class Server:
    """What a scripted server is and has seen."""

    url: str = ""
    received: list[list[dict[str, Any]]] = field(default_factory=list)  # per socket that was opened
    openings: int = 0  # also those that were refused


@asynccontextmanager
async def realtime_server(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Play scripts to whoever connects, on a free port of loopback."""
    server = Server()

    def script() -> Script:
        return scripts[min(server.openings, len(scripts)) - 1]

    async def opening(connection: ServerConnection, _: Request) -> Response | None:
        server.openings += 1
        connection.script = script()
        return await connection.script.answer(connection) if isinstance(connection.script, Handshake) else None

    async def talk(connection: ServerConnection) -> None:
        received: list[dict[str, Any]] = []
        server.received.append(received)
        with suppress(ConnectionClosed):
            await connection.script(Peer(connection, received))

    async with serve(
        talk, "127.0.0.1", 0, process_request=opening, compression=None, close_timeout=0.2, logger=quiet, ssl=tls
    ) as listening:
        port = listening.sockets[0].getsockname()[1]
        server.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/api/v2/interactions/realtime"
        yield server


def options(url: str, **changes: Any) -> GenesysOptions:
    """Options with patience in milliseconds."""
    fields: dict[str, Any] = {
        "client_id": "id",
        "client_secret": "secret",
        "login_url": "http://127.0.0.1:9",
        "api_url": "http://127.0.0.1:9",
        "realtime_url": url,
        "reconnect_base_s": 0.001,
        "connect_timeout_s": 5.0,
    }
    return GenesysOptions(**{**fields, **changes})


class FakePlatform:
    """Answers checks from a script (the last answer for all that follow) and makes a new token only when asked for a fresher one."""

    def __init__(self, *answers: ConversationCheck | PlatformError, token_error: PlatformError | None = None) -> None:
        self._answers: Sequence[ConversationCheck | PlatformError] = answers or (LIVE,)
        self._token_error = token_error
        self._token = 1
        self.checked: list[str] = []
        self.fresher_than: list[str | None] = []
        self.mute = False  # never answer a check

    async def token(self, *, fresher_than: str | None = None) -> str:
        self.fresher_than.append(fresher_than)
        if self._token_error is not None:
            raise self._token_error
        if fresher_than == f"token-{self._token}":
            self._token += 1
        return f"token-{self._token}"

    async def check(self, conversation_id: str) -> ConversationCheck:
        self.checked.append(conversation_id)
        if self.mute:
            await asyncio.Event().wait()
        answer = self._answers[min(len(self.checked), len(self._answers)) - 1]
        if isinstance(answer, PlatformError):
            raise answer
        return answer


@dataclass
class FakeFeed:
    """Keeps what came, in order: chunks of audio and gaps in milliseconds."""

    heard: list[bytes | int] = field(default_factory=list)
    nearly_full: bool = False

    def push(self, chunk: bytes) -> None:
        self.heard.append(chunk)

    def mark_gap(self, gap_ms: int) -> None:
        self.heard.append(gap_ms)

    @property
    def chunks(self) -> list[bytes]:
        """Audio alone."""
        return [item for item in self.heard if isinstance(item, bytes)]

    @property
    def gaps_ms(self) -> list[int]:
        """Gaps alone."""
        return [item for item in self.heard if isinstance(item, int)]


@dataclass
class FakeLease:
    """One lease and its feeds."""

    conversation_id: str
    feeds: dict[Channel, FakeFeed]
    released: int = 0
    key: str = ""
    continues: tuple[str, ...] = ()
    on_transcript: OnTranscript | None = None
    phrases: int = 0

    def feed(self, channel: Channel) -> FakeFeed:
        assert not self.released
        return self.feeds[channel]

    def release(self) -> None:
        self.released += 1

    async def heard(self, timeout_s: float) -> bool:
        return bool(self.released) and timeout_s > 0


class FakeShards:
    """Leases what it is asked for, one lease per conversation or session at a time, or refuses for a given reason."""

    def __init__(self, refusal: RefusedError | None = None) -> None:
        self._refusal = refusal
        self.leases: list[FakeLease] = []

    def lease(
        self,
        conversation_id: str,
        channels: tuple[Channel, ...],
        *,
        session_id: str | None = None,
        continues: Sequence[str] = (),
        on_transcript: OnTranscript | None = None,
    ) -> FakeLease:
        if self._refusal is not None:
            raise self._refusal
        key = session_id or conversation_id
        if any(lease.key == key and not lease.released for lease in self.leases):
            raise RefusedError("duplicate", "leased already")
        feeds: dict[Channel, FakeFeed] = {channel: FakeFeed() for channel in channels}
        lease = FakeLease(conversation_id, feeds, key=key, continues=tuple(continues), on_transcript=on_transcript)
        self.leases.append(lease)
        return lease

    @property
    def feed(self) -> FakeFeed:
        """The first lease's customer channel."""
        return self.leases[0].feeds["external"]
