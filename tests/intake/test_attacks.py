"""Peers that mean harm, or are broken beyond it: each is given up in time, and takes no memory meanwhile."""

import asyncio
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from engine.intake.conversation import Conversation
from engine.intake.realtime_client import RealtimeConversation
from engine.intake.retry_budget import RetryBudget
from engine.metrics import Metrics
from tests.support.raw_peer import RawPeer, answer_to, more, text
from tests.support.realtime import FakePlatform, FakeShards, options
from tests.support.waiting import until

MOST = 256 << 20  # what an attacker would send
READ = 24 << 20  # is read of it at most: 51 unreadable messages, what comes late, and what the kernel has taken
GROWN = 48 << 20  # of our memory, the attacker's own in it
PATIENCE_S = 60.0


def head(first: int, length: int) -> bytes:
    """A frame's header with an eight-byte length."""
    return bytes([first, 127]) + length.to_bytes(8)


async def opening(peer: RawPeer) -> None:
    """Let it subscribe."""
    await peer.hear()
    peer.send(text(b'{"type": "connected"}'))
    await peer.hear()


class Attack:
    """Answers the opening with `before`, and one thing for ever."""

    def __init__(self, block: bytes, before: bytes) -> None:
        self._block = block
        self._before = before
        self.sent = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self._before)
            while self.sent < MOST:
                writer.write(self._block)
                await writer.drain()
                self.sent += len(self._block)
        writer.close()


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and say nothing."""
    while await reader.read(4096):
        pass
    writer.close()


@asynccontextmanager
async def server(serve):
    serving = set()

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(writer)
        with suppress(ConnectionError):
            await serve(reader, writer)
        serving.discard(writer)

    listening = await asyncio.start_server(counted, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        await until(lambda: not serving, 30)


async def followed(url: str, **changes):
    """How a conversation ends on it that has one try."""
    genesys = options(url, reconnect_tries=1, **changes)
    metrics, shards = Metrics(), FakeShards()
    conversation = Conversation("conv-1", "realtime", metrics, lambda _: None)
    lease = shards.lease("conv-1", ("external",))
    client = RealtimeConversation(conversation, lease, genesys, FakePlatform(), RetryBudget(genesys), metrics)
    async with asyncio.timeout(PATIENCE_S):
        await client.run()
    assert shards.feed.heard == []
    return conversation.info


ENDLESS = {
    "headers": Attack(b"X-Again: and again\r\n" * 3000, b"HTTP/1.1 101 Switching Protocols\r\n"),
    "a header line": Attack(b"x" * 65_536, b"HTTP/1.1 101 Switching Protocols\r\nX-Long: "),
    "a status line": Attack(b"x" * 65_536, b"HTTP/1.1 200 "),
    "an error's body": Attack(b"x" * 65_536, b"HTTP/1.1 500 No\r\nContent-Length: 1000000000000\r\n\r\n"),
    "no HTTP": Attack(b"\x00\xff" * 30_000, b""),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_an_answer_to_the_opening_that_never_ends(name):
    attack = ENDLESS[name]
    grown = psutil.Process().memory_info().rss
    async with server(attack.serve) as where:
        info = await followed(f"ws://{where}", connect_timeout_s=3.0)
    assert (info.state, info.reason) == ("failed", "unreachable")
    assert attack.sent < READ
    assert psutil.Process().memory_info().rss - grown < GROWN


@asynccontextmanager
async def frames(first: bytes, block: bytes):
    """Opens the socket, lets it subscribe, then sends `first` and `block` for ever; how much went out."""
    sent = [0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            writer.write(answer_to(await reader.readuntil(b"\r\n\r\n")))
            await opening(RawPeer(reader, writer))
            writer.write(first)
            while sent[0] < MOST:
                writer.write(block)
                await writer.drain()
                sent[0] += len(block)
        writer.close()

    async with server(serve) as where:
        yield f"ws://{where}", sent


COMPRESSED = bytes([0xC1, 10]) + b"\x00" * 10  # RSV1, which nobody agreed on
MASKED = bytes([0x81, 0x85]) + b"abcd" + b"xxxxx"


@pytest.mark.parametrize(
    ("first", "block"),
    [
        (text(b"{", fin=False), more(b"x" * 60_000)),
        (text(b"{", fin=False), more(b"x") * 10_000),
        (head(0x81, 1 << 40), b"x" * 65_536),
        (head(0x82, (1 << 18) + 1), b"x" * 65_536),
        (b"", COMPRESSED * 1000),
        (b"", MASKED * 1000),
        (b"", b"\xff" * 60_000),
        (b"", text(b"{") * 2000),
        (b"", text(b"[" * 60_000)),
        (b"", text(b"x" * 65_000)),
    ],
    ids=[
        "endless message",
        "endless message in bytes",
        "a terabyte",
        "just too large",
        "compressed",
        "masked",
        "no frames",
        "no JSON",
        "deep JSON",
        "large and no JSON",
    ],
)
async def test_frames_that_no_server_should_send_end_the_socket(first, block):
    grown = psutil.Process().memory_info().rss
    async with frames(first, block) as (url, sent):
        info = await followed(url)
    assert info.reason in ("protocol", "unreachable"), info
    assert sent[0] < READ
    assert psutil.Process().memory_info().rss - grown < GROWN


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_server_that_takes_the_connection_and_says_nothing(scheme):
    """No answer to the opening, and none to the TLS handshake."""
    loop = asyncio.get_running_loop()
    async with server(mute) as where:
        began_s = loop.time()
        info = await followed(f"{scheme}://{where}", connect_timeout_s=0.5)
    assert (info.state, info.reason) == ("failed", "unreachable")
    assert 0.5 <= loop.time() - began_s < 20
