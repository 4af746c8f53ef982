"""A TCP proxy between one client and one server that can be stalled, muted, cut and restored: a network's illnesses at will.

*Stalled*, nothing passes either way while connections stand, as in a partition without a word; what was written meanwhile
passes when it is restored, as TCP would send it again. *Muted*, only what the server says is held back. *Cut*, every connection
is broken at once and nobody listens at the port.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

CHUNK = 65_536
HOST = "127.0.0.1"


class CuttingProxy:
    """`port` is where to connect to; made by `cutting_proxy`."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.passed_bytes = 0
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._forth, self._back = asyncio.Event(), asyncio.Event()  # whether it passes
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections, at the port it had before if it had one."""
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._pass(forth=True, back=True)

    def stall(self) -> None:
        """Nothing passes from now on; connections stand, and new ones are taken."""
        self._pass(forth=False, back=False)

    def mute(self) -> None:
        """What the client says arrives; what the server says does not."""
        self._pass(forth=True, back=False)

    async def cut(self) -> None:
        """Break every connection, take no new one."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._open):
            writer.transport.abort()
        self._pass(forth=True, back=True)  # whoever waits has to see that its connection is gone
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def restore(self) -> None:
        """As if nothing had been."""
        if self._server is None:
            await self.listen()
        self._pass(forth=True, back=True)

    def _pass(self, *, forth: bool, back: bool) -> None:
        for gate, passes in ((self._forth, forth), (self._back, back)):
            gate.set() if passes else gate.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._open.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            await self._forth.wait()
            back, onward = await asyncio.open_connection(HOST, self._target_port)
            self._open.add(onward)
            await asyncio.gather(self._copy(reader, onward, self._forth), self._copy(back, writer, self._back))
        except OSError:
            return
        finally:
            for each in filter(None, (writer, onward)):
                each.transport.abort()
                self._open.discard(each)
            self._serving.discard(task)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event) -> None:
        """Until one of both is gone."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await gate.wait()
                self.passed_bytes += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def cutting_proxy(target_port: int) -> AsyncIterator[CuttingProxy]:
    """Listening on a free port of the loopback until the block is left."""
    proxy = CuttingProxy(target_port)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.cut()
