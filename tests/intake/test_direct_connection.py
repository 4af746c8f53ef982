"""Messages on their way past the library's parser: real sockets on both loops, and every cut of a stream."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from engine.intake.direct_connection import MAX_BYTES, MAX_WAITING, DirectConnection
from engine.intake.realtime_socket import NO_CLOSE, TOO_LARGE, RealtimeSocket, SocketClosedError
from tests.support.raw_peer import RawPeer, answer_to, binary, close, more, ping, pong, raw_server, text
from tests.support.realtime import options
from tests.support.waiting import until


async def receive(socket: RealtimeSocket, count: int) -> list[bytes]:
    """The next so many messages."""
    messages: list[bytes] = []

    def take(message: bytes) -> bool:
        messages.append(message)
        return len(messages) == count

    async with asyncio.timeout(10):
        await socket.deliver(take)
    return messages


async def closed(socket: RealtimeSocket) -> tuple[int, str]:
    """How it ends; nothing may come before."""
    with pytest.raises(SocketClosedError) as caught:
        await receive(socket, 1)
    return caught.value.code, caught.value.reason


async def test_many_messages_in_one_segment():
    async def script(peer: RawPeer) -> None:
        peer.send(*[text(b"%d" % number * 200) for number in range(50)], close(1000, b"done"))
        await peer.hear()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 50) == [b"%d" % number * 200 for number in range(50)]
        assert await closed(socket) == (1000, "done")
        await socket.close()


async def test_messages_in_the_segment_of_the_answer():
    async with raw_server(RawPeer.stay, first=text(b"early") + text(b"bird")) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 2) == [b"early", b"bird"]
        await socket.close()


async def test_a_message_over_many_segments():
    frame = text(b"slow" * 100)

    async def script(peer: RawPeer) -> None:
        for at in range(len(frame)):
            peer.send(frame[at : at + 1])
            await peer.writer.drain()
            await asyncio.sleep(0)
        peer.send(text(b"quick"))
        await peer.stay()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 2) == [b"slow" * 100, b"quick"]
        await socket.close()


async def test_fragments_with_pings_between_them_and_messages_around():
    heard = []

    async def script(peer: RawPeer) -> None:
        peer.send(text(b"one"), text(b"t", fin=False), ping(b"?"), more(b"w"), more(b"o", fin=True), binary(b"three"))
        heard.append(await peer.hear())
        await peer.stay()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 3) == [b"one", b"two", b"three"]
        await socket.close()
    assert heard == [(Opcode.PONG, b"?")]


async def test_bursts_of_pings_are_answered_in_order_while_nobody_takes_messages():
    heard = []

    async def script(peer: RawPeer) -> None:
        peer.send(
            *[part for number in range(10) for part in (text(b"%d" % number), ping(b"%d" % number))], pong(b"late")
        )
        heard.extend([await peer.hear() for _ in range(10)])
        await peer.stay()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        await until(lambda: len(heard) == 10)
        assert await receive(socket, 10) == [b"%d" % number for number in range(10)]
        await socket.close()
    assert heard == [(Opcode.PONG, b"%d" % number) for number in range(10)]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([binary(bytes(MAX_BYTES + 1))], TOO_LARGE),
        ([binary(bytes(MAX_BYTES + 1))[:10]], TOO_LARGE),  # its header is enough
        ([text(bytes(MAX_BYTES), fin=False), more(b"x", fin=True)], TOO_LARGE),
        ([b"\x81\x81mask!"], 1002),
        ([b"\xc1\x01x"], 1002),
        ([b"\x83\x01x"], 1002),
        ([more(b"x", fin=True)], 1002),
        ([text(b"x", fin=False), text(b"y")], 1002),
        ([b"\x89\x7e\x01\x00" + bytes(256)], 1002),
        ([b"\x09\x01x"], 1002),
    ],
    ids=["large", "header", "fragments", "masked", "reserved", "opcode", "no start", "two", "long ping", "cut ping"],
)
async def test_what_is_not_allowed_is_closed_with_its_code_and_nothing_after_it_is_heard(frames, code):
    heard = []

    async def script(peer: RawPeer) -> None:
        peer.send(text(b"before"), *frames, text(b"after"))
        heard.append(await peer.hear())
        peer.send(text(b"later"), close(code))

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 1) == [b"before"]
        assert (await closed(socket))[0] == code
        await socket.close()
    assert heard[0][0] is Opcode.CLOSE
    assert heard[0][1][:2] == code.to_bytes(2)


async def test_the_largest_message_that_is_allowed():
    async def script(peer: RawPeer) -> None:
        peer.send(binary(bytes(MAX_BYTES)), text(b"after"))
        await peer.stay()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 2) == [bytes(MAX_BYTES), b"after"]
        await socket.close()


async def test_what_nobody_takes_makes_the_peer_wait_and_nothing_is_lost():
    sent = 0

    async def script(peer: RawPeer) -> None:
        nonlocal sent
        for number in range(3000):
            peer.send(text(b"%04d" % number * 1000))
            await peer.writer.drain()
            sent += 1
        peer.send(close(1000))
        await peer.hear()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        assert await receive(socket, 1) == [b"0000" * 1000]
        connection = socket._connection
        await until(lambda: not connection.transport.is_reading())
        assert len(connection._waiting) >= MAX_WAITING
        assert sent < 3000  # 12 MB fit no socket's buffers
        assert await receive(socket, 10) == [b"%04d" % number * 1000 for number in range(1, 11)]
        rest = await receive(socket, 2989)
        assert rest == [b"%04d" % number * 1000 for number in range(11, 3000)]
        assert (await closed(socket))[0] == 1000
        await socket.close()


async def test_cancelled_delivery_loses_nothing():
    async def script(peer: RawPeer) -> None:
        await peer.hear()
        peer.send(text(b"kept"))
        await peer.stay()

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await socket.deliver(lambda _: False)
        await socket.send("go")
        assert await receive(socket, 1) == [b"kept"]
        await socket.close()


async def test_what_take_raises_is_raised_where_it_is_awaited_and_the_socket_lives_on():
    async def script(peer: RawPeer) -> None:
        peer.send(text(b"bad"), text(b"good"))
        await peer.stay()

    def take(message: bytes) -> bool:
        raise LookupError(message)

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        with pytest.raises(LookupError, match="bad"):
            await socket.deliver(take)
        assert await receive(socket, 1) == [b"good"]
        await socket.close()


async def test_what_take_raises_while_it_is_cancelled_is_raised_by_the_next_delivery():
    async def script(peer: RawPeer) -> None:
        await peer.hear()
        peer.send(text(b"bad"), text(b"good"))
        await peer.stay()

    def take(message: bytes) -> bool:
        delivery.cancel()
        raise LookupError(message)

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        delivery = asyncio.ensure_future(socket.deliver(take))
        await socket.send("go")
        await asyncio.wait([delivery], timeout=10)
        assert delivery.cancelled()
        with pytest.raises(LookupError, match="bad"):
            await receive(socket, 1)
        assert await receive(socket, 1) == [b"good"]
        await socket.close()


async def test_our_close_is_answered_also_behind_messages_that_nobody_took():
    heard = []

    async def script(peer: RawPeer) -> None:
        peer.send(*[text(b"unread")] * (2 * MAX_WAITING))
        heard.append(await peer.hear())
        peer.send(*[text(b"unread")] * (2 * MAX_WAITING), close(1000))

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        await until(lambda: len(socket._connection._waiting) >= MAX_WAITING)
        await socket.close()
        assert socket._connection.close_code == 1000
    assert heard == [(Opcode.CLOSE, (1000).to_bytes(2))]


async def test_a_peer_that_ignores_our_close_is_cut_off():
    async with raw_server(RawPeer.stay) as url, asyncio.timeout(10):
        socket = await RealtimeSocket.open(options(url))
        await socket.close()
        assert socket._connection.transport.is_closing()


async def test_messages_before_a_lost_connection_are_still_heard():
    async def script(peer: RawPeer) -> None:
        peer.send(text(b"one"), text(b"two"), text(b"cut off")[:-1])

    async with raw_server(script) as url:
        socket = await RealtimeSocket.open(options(url))
        await socket._connection.wait_closed()
        assert await receive(socket, 2) == [b"one", b"two"]
        assert (await closed(socket))[0] == NO_CLOSE
        await socket.close()


async def test_a_half_open_peer_is_found_by_its_missing_pong():
    async with raw_server(lambda _: asyncio.Event().wait()) as url, asyncio.timeout(10):
        socket = await RealtimeSocket.open(options(url, ping_interval_s=0.1))
        assert (await closed(socket))[0] == 1011
        await socket.close()


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


PARTS = {  # bytes on the wire → messages that they complete
    text(b"plain"): [b"plain"],
    binary(b"b" * 300): [b"b" * 300],
    text(b""): [b""],
    text(b"1", fin=False) + ping(b"x") + more(b"") + more(b"23", fin=True): [b"123"],
    text(b"", fin=False) + more(b"", fin=True): [b""],
    text(b"w" * 70_000): [b"w" * 70_000],
    ping(b"now"): [],
    pong(b"stray"): [],
}


@given(st.data(), st.lists(st.sampled_from(list(PARTS)), max_size=8))
def test_any_cut_of_the_stream_gives_the_same_messages(data, parts):
    async def run() -> list[bytes]:
        heard: list[bytes] = []
        protocol = ClientProtocol(parse_uri("ws://localhost/"), max_size=MAX_BYTES)
        connection = DirectConnection(protocol)
        transport = FakeTransport()
        connection.connection_made(transport)
        protocol.send_request(protocol.connect())
        connection.send_data()
        connection._take = lambda message: bool(heard.append(message))
        stream = answer_to(transport.written) + b"".join(parts)
        cuts = sorted(data.draw(st.lists(st.integers(0, min(len(stream), 2000)), max_size=30)))
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            connection.data_received(stream[begin:end])
        return heard

    assert asyncio.run(run()) == [message for part in parts for message in PARTS[part]]
