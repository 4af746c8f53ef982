"""The HTTP client that the SDK is given instead of its own: one call is one request on the wire, and it comes to an end.

The SDK's own replays POSTs up to ten times, has no time-outs and sleeps on Retry-After inside the call. This one never
repeats, never follows a redirect, limits connecting, waiting and reading, and turns every failure into a PlatformError:
status, Retry-After, and whether something may have happened. It raises PlatformError rather than the SDK's ApiException,
which the SDK would only log and pass on; so nothing above it depends on the SDK's exception.
Messages are made of our own words, the status, the platform's error code and its correlation id; never of bodies or URLs.
"""

import contextlib
import re
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HttpTimeoutError

from engine.errors import PlatformError
from engine.genesys.platform_messages import LimitNeared, RateLimited
from engine.retry_after import retry_after

CONNECT_TIMEOUT_S = 2.0
MAX_BODY_BYTES = 8 * 1024 * 1024
READ_BYTES = 64 * 1024
LIMIT_NEAR = 0.8
TOO_MANY = 429
MOST_DIGITS = 15  # of a count in the rate-limit headers
POOL_CONNECTIONS = 4
FORM = "application/x-www-form-urlencoded"
CODE = re.compile(r"[A-Za-z0-9._-]{1,80}")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer, with the methods the SDK calls on its own `RESTResponse`."""

    status: int
    data: str
    headers: HTTPHeaderDict

    def getheaders(self) -> HTTPHeaderDict:
        """All headers; names in any case."""
        return self.headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """One header."""
        return self.headers.get(name, default)


def make_pool(ssl_context: Any) -> PoolManager:
    """Return connections for as many threads as the platform process has."""
    return PoolManager(num_pools=4, maxsize=POOL_CONNECTIONS, block=True, ssl_context=ssl_context)


class OneShot:
    """An `AbstractHttpClient` for one attempt. `what` completes "Could not …"; `changes` says a request has effects."""

    def __init__(
        self,
        pool: PoolManager,
        what: str,
        *,
        timeout_s: float,
        changes: bool,
        on_limit: Callable[[LimitNeared | RateLimited], None],
    ) -> None:
        self._pool = pool
        self._what = what
        self._timeout_s = timeout_s
        self._unsure = "unknown" if changes else "no"
        self._on_limit = on_limit
        self.answer: HttpAnswer | None = None

    def request(self, options: Any) -> HttpAnswer:
        """Send once (the SDK's HttpRequestOptions) and return a 2xx answer; PlatformError on anything else."""
        url = f"{options.url}?{urlencode(options.query_params)}" if options.query_params else options.url
        try:
            answer = self._exchange(options.method, url, options.headers, _payload(options))
        except (HTTPError, OSError, ValueError) as error:
            raise self._broken(error) from error
        if (limit := limit_of(answer.headers)) is not None:
            self._on_limit(limit)
        if answer.status == TOO_MANY:
            self._on_limit(RateLimited())
        if not 200 <= answer.status < 300:
            raise self._refused(answer)
        self.answer = answer
        return answer

    def _exchange(self, method: str, url: str, headers: Mapping[str, Any], payload: bytes | None) -> HttpAnswer:
        deadline_s = time.monotonic() + self._timeout_s
        response = self._pool.request(
            method,
            url,
            body=payload,
            headers={name: str(value) for name, value in headers.items()},
            timeout=Timeout(connect=min(CONNECT_TIMEOUT_S, self._timeout_s), read=self._timeout_s),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        with contextlib.closing(response):
            body = _read(response, deadline_s)
        return HttpAnswer(response.status, body.decode("utf-8", "replace"), response.headers)

    def _broken(self, error: Exception) -> PlatformError:
        reason, never_sent = _diagnosis(error)
        happened = "no" if never_sent else self._unsure
        return PlatformError(f"Could not {self._what}: {reason}", happened=happened)

    def _refused(self, answer: HttpAnswer) -> PlatformError:
        refused = 400 <= answer.status < 500
        details = [str(answer.status), *filter(None, (_error_code(answer.data), _correlation(answer.headers)))]
        return PlatformError(
            f"Could not {self._what}: the server answered {', '.join(details)}",
            status=answer.status,
            retry_after_s=retry_after(answer.headers.get("Retry-After"), time.time()),
            happened="no" if refused else self._unsure,
        )


def limit_of(headers: HTTPHeaderDict) -> LimitNeared | None:
    """Read the rate-limit headers; None unless the limit is nearly used up."""
    names = ("inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset")
    texts = [headers.get(name, "") for name in names]
    if not all(text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS for text in texts):
        return None
    count, allowed, reset_s = map(int, texts)
    return LimitNeared(count, allowed, reset_s) if count >= LIMIT_NEAR * allowed else None


def _diagnosis(error: Exception) -> tuple[str, bool]:
    """Say what broke an exchange, and whether it proves that the request was never sent."""
    match error:
        case NewConnectionError() | ConnectTimeoutError() | ValueError():
            return "no connection to the server; check the network, GENESYS_REGION and the GENESYS_*_URL settings", True
        case SSLError(args=(ssl.SSLCertVerificationError(), *_)):
            return "the server's certificate is not trusted; check GENESYS_*_URL and the system's authorities", True
        case HttpTimeoutError():
            return "no complete answer in time", False
    return f"the connection failed ({type(error).__name__})", False


def _payload(options: Any) -> bytes | None:
    if options.headers.get("Content-Type") == FORM:
        return urlencode(options.post_params).encode()
    return orjson.dumps(options.body) if options.body is not None else None


def _read(response: BaseHTTPResponse, deadline_s: float) -> bytes:
    body = bytearray()
    while chunk := response.read1(READ_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPError("the answer is too long")
        if time.monotonic() > deadline_s:
            raise HttpTimeoutError("the answer takes too long")
    return bytes(body)


def _error_code(data: str) -> str | None:
    """Return the platform's `code` or OAuth's `error`: words from a list, never text about a person."""
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    words = (body.get(name) for name in ("code", "error")) if isinstance(body, dict) else ()
    return next((word for word in words if isinstance(word, str) and CODE.fullmatch(word)), None)


def _correlation(headers: HTTPHeaderDict) -> str | None:
    value = headers.get("ININ-Correlation-Id", "")
    return f"correlation {value}" if CODE.fullmatch(value) else None
