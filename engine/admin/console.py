"""The live console: `GET /` and `/console/{file}`, one page of plain files that shows what `GET /v1/live` tells.

The files hold no data, so they need no token: the page asks for it when the feed does. They are read once, at the start, and
nothing else can be asked for: the table of files is the whole of what is served. A browser is told to run and to load nothing
that does not come from here (Content-Security-Policy), and to ask again each time (`ETag`), so that no old page reads a new
engine. Who asks for `/` and is no browser (`Accept` without text/html) gets the list of addresses as text.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).with_name("page")
PAGE = "index.html"
FILES = "/console/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file as it is sent."""

    body: bytes
    kind: str
    etag: str


def page_files(folder: Path = FOLDER) -> dict[str, PageFile]:
    """All files of the page by name; a kind that KINDS does not know is a KeyError at the start, not a download later."""
    return {path.name: _page_file(path) for path in sorted(folder.iterdir())}


def _page_file(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, KINDS[path.suffix], hashlib.sha256(body).hexdigest()[:32])


def is_page(path: str) -> bool:
    """Whether an address belongs to the page, which is for everybody: nothing at it holds data."""
    return path == "/" or path.startswith(FILES)


class ConsoleApi:
    """The handlers. `index` is the list of addresses, for programs."""

    def __init__(self, index: str) -> None:
        self._index = index
        self._files = page_files()

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", self._open)
        app.router.add_get(FILES + "{file}", self._file)

    async def _open(self, request: web.Request) -> web.Response:
        if "text/html" not in request.headers.get("Accept", ""):
            return web.Response(text=self._index, headers={"Vary": "Accept"})
        return self._answer(request, PAGE)

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in self._files:
            raise web.HTTPNotFound
        return self._answer(request, name)

    def _answer(self, request: web.Request, name: str) -> web.Response:
        file = self._files[name]
        headers = _HEADERS | {"ETag": f'"{file.etag}"', "Vary": "Accept"}
        if any(tag.value in ("*", file.etag) for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=file.body, content_type=file.kind, charset="utf-8", headers=headers)
