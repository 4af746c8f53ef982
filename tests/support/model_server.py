"""A loopback server that hands out one file, well or badly, and remembers what it was asked."""

import contextlib
import io
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.graphs import graph, lookahead_graph

MODEL = {
    "am/final.mdl": b"<Nnet3> acoustic " * 200,
    "conf/model.conf": b"--frames-per-chunk=51\n",
    "conf/mfcc.conf": b"--sample-frequency=8000\n",
    "graph/HCLr.fst": lookahead_graph(),
    "graph/Gr.fst": graph(),
    "graph/disambig_tid.int": b"1\n",
    "graph/words.txt": b"<eps> 0\n",
    "graph/phones/word_boundary.int": b"1 nonword\n",
}


def zipped(files: Mapping[str, bytes], root: str) -> bytes:
    """An archive with everything below `root`, stored so that its size is no accident of compression."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(f"{root}/{name}" if root else name, data)
    return buffer.getvalue()


@dataclass
class FileServer:
    """What it serves and how; change it between requests."""

    content: bytes
    etag: str | None = '"v1"'
    ranges: bool = True
    cut_after: int | None = None  # bytes of a body after which the connection drops, once
    statuses: list[int] = field(default_factory=list)  # answered first, one each
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        if self.statuses:
            return web.Response(status=self.statuses.pop(0))
        start = self._start(request)
        if start is not None and start >= len(self.content):
            return web.Response(status=416)
        body = self.content[start or 0 :]
        headers = {"Content-Length": str(len(body))} | ({"ETag": self.etag} if self.etag else {})
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        response = web.StreamResponse(status=200 if start is None else 206, headers=headers)
        await response.prepare(request)
        cut, self.cut_after = self.cut_after, None
        await response.write(body if cut is None else body[:cut])
        if cut is not None:
            assert request.transport is not None
            request.transport.close()
        return response

    def _start(self, request: web.Request) -> int | None:
        asked = request.headers.get("Range")
        if not asked or not self.ranges or request.headers.get("If-Range", self.etag) != self.etag:
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))


@contextlib.asynccontextmanager
async def serving(server: FileServer) -> AsyncIterator[FileServer]:
    """Serve it at `server.url` until the block is left."""
    app = web.Application()
    app.router.add_get("/{name}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/model.zip"
        yield server
    finally:
        await runner.cleanup()


Progress = Callable[[int, int | None], None]
