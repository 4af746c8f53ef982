import asyncio

import pytest

from engine.intake.realtime_socket import (
    NO_CLOSE,
    RealtimeSocket,
    SocketClosedError,
    SocketFailedError,
    SocketRefusedError,
)
from tests.support.realtime import Peer, options, realtime_server, refuse


async def receive(socket: RealtimeSocket) -> bytes:
    """The next message."""
    (message,) = await receive_many(socket, 1)
    return message


async def receive_many(socket: RealtimeSocket, count: int) -> list[bytes]:
    messages: list[bytes] = []

    def take(message: bytes) -> bool:
        messages.append(message)
        return len(messages) == count

    await socket.deliver(take)
    return messages


async def test_messages_come_as_bytes_and_go_as_text():
    async def echo(peer: Peer) -> None:
        heard = await peer.hear()
        await peer.raw(heard["say"])
        await peer.raw(heard["say"].encode())
        await peer.stay()

    async with realtime_server(echo) as server:
        socket = await RealtimeSocket.open(options(server.url))
        await socket.send('{"say": "grüezi"}')
        assert [await receive(socket), await receive(socket)] == ["grüezi".encode()] * 2
        await socket.close()
        await socket.close()


async def test_a_refused_opening_tells_status_and_wait():
    async with realtime_server(refuse(429, Retry_After="7")) as server:
        with pytest.raises(SocketRefusedError) as caught:
            await RealtimeSocket.open(options(server.url))
    assert (caught.value.status, caught.value.retry_after_s) == (429, 7.0)


async def test_of_two_waits_the_first_counts():
    async with realtime_server(refuse(429, Retry_After="7", retry_after="9")) as server:
        with pytest.raises(SocketRefusedError) as caught:
            await RealtimeSocket.open(options(server.url))
    assert caught.value.retry_after_s == 7.0


async def test_tls_with_a_peer_that_has_none_fails():
    async with realtime_server(refuse(500)) as server:
        with pytest.raises(SocketFailedError, match="can't be reached"):
            await RealtimeSocket.open(options(server.url.replace("ws://", "wss://")))


async def send_for_ever(socket: RealtimeSocket, size: int = 1) -> None:
    while True:
        await socket.send("x" * size)


@pytest.mark.parametrize("act", [send_for_ever, receive])
async def test_what_is_closed_tells_the_code_and_reason_of_who_closed_first(act):
    async def leave(peer: Peer) -> None:
        await peer.close(4403, "no entry")

    async with realtime_server(leave) as server:
        socket = await RealtimeSocket.open(options(server.url))
        with pytest.raises(SocketClosedError) as caught:
            await act(socket)
        await socket.close()
    assert (caught.value.code, caught.value.reason) == (4403, "no entry")


async def test_a_lost_connection_has_no_code():
    async def vanish(peer: Peer) -> None:
        peer.drop()

    async with realtime_server(vanish) as server:
        socket = await RealtimeSocket.open(options(server.url))
        with pytest.raises(SocketClosedError) as caught:
            await receive(socket)
    assert caught.value.code == NO_CLOSE


async def test_a_peer_that_does_not_read_is_given_up():
    async def freeze(peer: Peer) -> None:
        peer.freeze()
        await peer.stay()

    async with realtime_server(freeze) as server, asyncio.timeout(20):
        socket = await RealtimeSocket.open(options(server.url, connect_timeout_s=0.5))
        with pytest.raises(SocketClosedError, match="does not read"):
            await send_for_ever(socket, 10_000_000)
        await socket.close()
