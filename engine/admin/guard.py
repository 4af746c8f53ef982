"""Who may use the admin API: a bearer token where one is set, else only programs of this machine that are no web page.

With a token, every address but the probes and the console's page, which holds no data, needs it (and but /metrics, where
that is opened). Without one the API listens on loopback only, which keeps other machines out but not a browser on this one:
a page from anywhere may send requests there, and a name that its owner points to 127.0.0.1 makes it read the answers, too. So
the Host header has to name the loopback, and what a browser marks as sent by another site's page is refused, but for the
console's page. Every refusal is counted.
"""

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from engine.admin.console import is_page
from engine.admin.problems import problem
from engine.metrics import AdminRefusal
from engine.options import AdminOptions

PROBES = frozenset({"/healthz", "/readyz"})
METRICS = "/metrics"
_OWN_SITE = ("same-origin", "none")  # values of Sec-Fetch-Site: our own page, and an address that a person typed

Judge = Callable[[web.Request], tuple[AdminRefusal, web.Response] | None]


def make_guard(options: AdminOptions, on_refused: Callable[[AdminRefusal], None]) -> Middleware:
    """The middleware for these options; `on_refused` counts."""
    judge = _judge_token(options) if options.token is not None else _judge_browser

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = judge(request)
        if refused is None:
            return await handler(request)
        reason, response = refused
        on_refused(reason)
        return response

    return guard


def _judge_token(options: AdminOptions) -> Judge:
    assert options.token is not None
    expected = options.token.get_secret_value().encode()
    free = PROBES | {METRICS} if options.open_metrics else PROBES

    def judge(request: web.Request) -> tuple[AdminRefusal, web.Response] | None:
        if request.path in free or is_page(request.path) or _carries(request, expected):
            return None
        headers = {"WWW-Authenticate": 'Bearer realm="cueline"'}
        return "unauthorized", problem(401, "this needs the header Authorization: Bearer TOKEN", headers)

    return judge


def _carries(request: web.Request, expected: bytes) -> bool:
    """Whether the right token comes along; the comparison takes the same time wherever the two differ."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), expected)
    return same and scheme.lower() == "bearer"


def _judge_browser(request: web.Request) -> tuple[AdminRefusal, web.Response] | None:
    host = request.headers.get("Host", "")
    if not _names_loopback(host):
        detail = "without CUELINE_ADMIN_TOKEN the Host header has to name this machine: localhost or a loopback address"
        return "host", problem(403, detail, allowed=["localhost", "127.0.0.1", "[::1]"])
    if not is_page(request.path) and not _of_own_site(request, host):  # the page may be opened from a link
        return "cross_site", problem(
            403, "sent by a web page of another site; set CUELINE_ADMIN_TOKEN to be asked for it"
        )
    return None


def _names_loopback(host: str) -> bool:
    """Whether a Host header (`name[:port]`) means the loopback."""
    try:
        parts = urlsplit(f"//{host}")
        if parts.netloc != host or "@" in host or parts.port == 0:
            return False
        return parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _of_own_site(request: web.Request, host: str) -> bool:
    """Whether no browser says that another site's page sent it. What is no browser says nothing."""
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITE:
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin.lower() == f"{request.scheme}://{host}".lower()
