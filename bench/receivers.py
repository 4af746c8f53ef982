"""The ways to receive that `receiving.py` compares, all with the same shape: connect, hand every message on, until cancelled.

What stands behind the socket is `Sink`: nothing, or the supervisor's whole way from message to ring. The shipped way is also run
as it is shipped, with everything of `RealtimeConversation` around it. picows is optional: without it its row is left out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from importlib.util import find_spec
from typing import Any, cast

from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.frames import DATA_OPCODES, Frame
from websockets.uri import parse_uri

from bench.audio import new_ring
from engine.audio.ring import RingMemory, Word
from engine.genesys.checks import ConversationCheck
from engine.genesys.realtime import AudioReceived, RealtimeSession
from engine.intake.conversation import Conversation
from engine.intake.leased_channel import LeasedChannel
from engine.intake.ports import Lease
from engine.intake.realtime_client import RealtimeConversation
from engine.intake.realtime_socket import RealtimeSocket
from engine.intake.retry_budget import RetryBudget
from engine.metrics import Metrics
from engine.options import Channel, GenesysOptions
from engine.shards.doorbell import Doorbell
from engine.shards.feed import RingFeed

SLOTS = 256
EMPTY_S = 1.0  # a worker would empty the rings; here a timer does, so seldom that it costs nothing

Act = Callable[[bytes], object]
Way = Callable[[str, Act], Coroutine[Any, Any, None]]


class Rings:
    """Shards for one process: a ring per lease, one doorbell, and a timer in place of a worker."""

    def __init__(self) -> None:
        self._doorbell = Doorbell()
        self._memories: list[RingMemory] = []
        self.lost = 0
        self._empty()

    def lease(self, conversation_id: str, channels: tuple[Channel, ...]) -> Lease:  # noqa: ARG002 (a Shards)
        """Make a ring."""
        memory = new_ring(SLOTS)
        self._memories.append(memory)
        return _RingLease(RingFeed(memory, self._doorbell, self._on_lost))

    @property
    def frames(self) -> int:
        """How many have been written into all rings."""
        return sum(int(memory.header[Word.HEAD]) for memory in self._memories)

    def _on_lost(self, frames: int) -> None:
        self.lost += frames

    def _empty(self) -> None:
        for memory in self._memories:
            memory.header[Word.TAIL] = memory.header[Word.HEAD]
        asyncio.get_running_loop().call_later(EMPTY_S, self._empty)


class _RingLease:
    phrases = 0

    def __init__(self, feed: RingFeed) -> None:
        self._feed = feed

    def feed(self, channel: Channel) -> RingFeed:  # noqa: ARG002 (a Lease)
        return self._feed

    def release(self) -> None:
        self._feed.close()

    async def heard(self, timeout_s: float) -> bool:  # noqa: ARG002 (a Lease)
        return True


class LivePlatform:
    """Says of every conversation that it is live."""

    async def token(self, *, fresher_than: str | None = None) -> str:  # noqa: ARG002 (a Platform)
        """Any token will do."""
        return "token"

    async def check(self, conversation_id: str) -> ConversationCheck:  # noqa: ARG002 (a Platform)
        """It may be followed."""
        return ConversationCheck(live=True, reason="live")


def new_conversation(name: str) -> Conversation:
    """A conversation that nobody watches."""
    return Conversation(name, "realtime", Metrics(), lambda _: None)


def into_ring(rings: Rings) -> Act:
    """All that stood behind the socket before messages were acted on where they arrive."""
    session = RealtimeSession("conversation", "token")
    for text in ('{"type":"connected"}', '{"type":"subscribed"}'):
        session.receive(text)
    audio = LeasedChannel(new_conversation("conversation"), rings.lease("conversation", ("external",)), "external")

    def act(message: bytes) -> None:
        for event in session.receive(message):
            if isinstance(event, AudioReceived):
                audio.push(event.chunk, time.monotonic())
        audio.crowded(time.monotonic())

    return act


def options(url: str) -> GenesysOptions:
    """Options of a conversation at this address."""
    return GenesysOptions.model_validate(
        {"client_id": "id", "client_secret": "-", "login_url": url, "api_url": url, "realtime_url": url}
        | dict.fromkeys(("login_url", "api_url"), "http://127.0.0.1:9")
    )


async def asyncio_layer(url: str, act: Act) -> None:
    """websockets' asyncio client, a step of a coroutine per message: what Cueline did before."""
    async with connect(url, compression=None, proxy=None) as connection:
        while True:
            act(await connection.recv(decode=False))


class _SansIo(asyncio.Protocol):
    """websockets' parser under a protocol of our own."""

    def __init__(self, url: str, act: Act) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._protocol = ClientProtocol(parse_uri(url))
        self._act = act

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
                self._act(bytes(event.data))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (a Protocol)
        if not self.closed.done():
            self.closed.set_result(None)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._transport.write(data)


async def sans_io_layer(url: str, act: Act) -> None:
    """websockets' sans-I/O layer, with callbacks."""
    parts = parse_uri(url)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _SansIo(url, act), parts.host, parts.port)
    await protocol.closed


async def picows_layer(url: str, act: Act) -> None:
    """picows, with callbacks."""
    from picows import WSListener, ws_connect

    class Listener(WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:  # noqa: ARG002 (a WSListener)
            act(frame.get_payload_as_bytes())

    transport, _ = await ws_connect(Listener, url)
    await transport.wait_disconnected()


async def shipped_socket(url: str, act: Act) -> None:
    """Cueline's own socket: whole frames cut out, the library behind it."""
    socket = await RealtimeSocket.open(options(url))
    await socket.deliver(lambda message: bool(act(message)))


WAYS: dict[str, Way] = {
    "websockets, asyncio": asyncio_layer,
    "websockets, sans-I/O": sans_io_layer,
    "cueline": shipped_socket,
}
if find_spec("picows"):
    WAYS["picows"] = picows_layer


def follow(url: str, rings: Rings, number: int) -> Awaitable[None]:
    """A whole conversation, as the supervisor runs it."""
    conversation = new_conversation(f"conversation-{number}")
    lease = rings.lease(conversation.conversation_id, ("external",))
    genesys = options(url)
    return RealtimeConversation(conversation, lease, genesys, LivePlatform(), RetryBudget(genesys), Metrics()).run()
