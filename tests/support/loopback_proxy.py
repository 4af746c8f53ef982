"""A proxy in front of a WebSocket server, as many are set up: another path and another Host arrive than were asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

BEHIND = "10.0.0.5:8443"  # the Host that the server gets to see


@dataclass
class Proxy:
    """`port` is the server's, to be set; `authority` where the proxy listens."""

    public: str
    path: str
    authority: str = ""
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        head = await reader.readuntil(b"\r\n\r\n")
        request, *headers = head.split(b"\r\n")
        changed = [b"Host: " + BEHIND.encode() if each.lower().startswith(b"host:") else each for each in headers]
        back, forth = await asyncio.open_connection("127.0.0.1", self.port)
        forth.write(b"\r\n".join([request.replace(self.public.encode(), self.path.encode(), 1), *changed]))
        await asyncio.gather(_copy(reader, forth), _copy(back, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()


@contextlib.asynccontextmanager
async def proxy(public: str, path: str) -> AsyncIterator[Proxy]:
    """Listening; `public` becomes `path` on the way."""
    it = Proxy(public, path)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    async with server:
        it.authority = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield it
