"""A WebSocket server that sends bytes: a script gets the open stream and cuts segments as it likes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.frames import Frame, Opcode
from websockets.utils import accept_key


def text(payload: bytes, *, fin: bool = True) -> bytes:
    return Frame(Opcode.TEXT, payload, fin).serialize(mask=False)


def more(payload: bytes, *, fin: bool = False) -> bytes:
    """A further fragment."""
    return Frame(Opcode.CONT, payload, fin).serialize(mask=False)


def binary(payload: bytes) -> bytes:
    return Frame(Opcode.BINARY, payload).serialize(mask=False)


def ping(payload: bytes) -> bytes:
    return Frame(Opcode.PING, payload).serialize(mask=False)


def pong(payload: bytes) -> bytes:
    return Frame(Opcode.PONG, payload).serialize(mask=False)


def close(code: int, reason: bytes = b"") -> bytes:
    return Frame(Opcode.CLOSE, code.to_bytes(2) + reason).serialize(mask=False)


def answer_to(request: bytes) -> bytes:
    """The 101 that opens the socket."""
    key = next(line.split(b": ")[1] for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept_key(key.decode())}", "", ""]).encode()


class RawPeer:
    """The server's end: segments out, frames in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        """Send all in one segment, as long as it fits one."""
        self.writer.write(b"".join(parts))

    async def hear(self) -> tuple[Opcode, bytes]:
        """The client's next frame; only short ones. IncompleteReadError where the client has gone."""
        head, length = await self._reader.readexactly(2)
        mask, payload = await self._reader.readexactly(4), await self._reader.readexactly(length & 0x7F)
        return Opcode(head & 0x0F), bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))

    async def stay(self) -> None:
        """Until the client closes its side."""
        while await self._reader.read(4096):
            pass


@asynccontextmanager
async def raw_server(script: Callable[[RawPeer], Awaitable[None]], first: bytes = b"") -> AsyncIterator[str]:
    """Open every socket, with `first` in the same segment as the answer, and play the script; the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(answer_to(await reader.readuntil(b"\r\n\r\n")) + first)
            await script(RawPeer(reader, writer))
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
