"""Sink `webhook`: one HTTP POST of a CloudEvent per attempt, signed as Standard Webhooks do.

The idempotency key is the event's id and the `webhook-id`, so a receiver can drop what it gets twice. Redirects are not
followed, the environment's proxies not used. A URL may carry a token: faults and logs name its host only, never the URL,
and never an exception's own text.

Where it may be sent is `targets`' law: a literal address is judged at the start, and every address that a name resolves to
before it is connected to. What is judged is what is connected to, so a name that changes its mind gains nothing.
"""

import socket
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import aiohttp
import orjson
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from engine.commands import targets
from engine.commands.command import Command
from engine.commands.network_faults import network_fault
from engine.commands.signing import signed_headers, signing_key
from engine.errors import ConfigError, CuelineError, SinkError
from engine.options import WebhookSink
from engine.retry_after import retry_after

Session = aiohttp.ClientSession

RETRYABLE_STATUS = frozenset({408, 425, 429})  # and every 5xx

log = structlog.get_logger(__name__)


class TargetRefusedError(CuelineError):
    """A name resolves to an address that no webhook is sent to."""


class GuardedResolver(AbstractResolver):
    """Resolves as `inner` does; TargetRefusedError where one of the addresses is refused."""

    def __init__(self, inner: AbstractResolver, allowed: Sequence[targets.Network]) -> None:
        self._inner = inner
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """All addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        for result in found:
            if kind := targets.refused_kind(ip_address(result["host"]), self._allowed):
                raise TargetRefusedError(f"its name resolves to {kind}")
        return found

    async def close(self) -> None:
        """Nothing more will be asked."""
        await self._inner.close()


@asynccontextmanager
async def open_session(
    connections: int, allowed: Sequence[targets.Network] = (), resolver: AbstractResolver | None = None
) -> AsyncIterator[Session]:
    """The HTTP client of one webhook sink; attempts are bounded by their callers, not by the client.

    Certificates are checked against the system's authorities, or those of SSL_CERT_FILE; nothing switches that off.
    """
    guarded = GuardedResolver(resolver or aiohttp.DefaultResolver(), allowed)
    connector = aiohttp.TCPConnector(limit=max(1, connections), resolver=guarded, ssl=ssl.create_default_context())
    try:
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"User-Agent": "cueline"},
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield session
    finally:
        await guarded.close()


class Webhook:
    """One receiver. The body that comes with an answer is not read: its status says all."""

    idempotent = True

    def __init__(self, options: WebhookSink, session: Session) -> None:
        """ConfigError for a URL without a usable host and port or with a refused one, or a secret that is not one."""
        self.options = options
        self._session = session
        self._url = _url_of(options)
        self._host = f"{self._url.host}:{self._url.port}"
        self._key = _key_of(options)
        if self._url.scheme == "http" and not targets.stays_inside(self._url.raw_host or ""):
            log.warning("A webhook's body crosses the network in clear: use https", sink=options.name, host=self._host)

    async def deliver(self, command: Command) -> None:
        """POST once. Raises SinkError; only statuses and faults that may pass are retryable."""
        body = orjson.dumps(command.body())
        headers = signed_headers(self._key, command.idempotency_key, int(time.time()), body)
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status, answer_headers = response.status, response.headers
        except TargetRefusedError as error:
            raise SinkError(self._said(f"{error}; {targets.REMEDY}"), retryable=False) from error
        except (aiohttp.ClientError, OSError) as error:
            raise SinkError(self._said(network_fault(error)), retryable=True, happened="unknown") from error
        self._check(status, answer_headers)

    def _check(self, status: int, headers: Mapping[str, str]) -> None:
        if 200 <= status < 300:
            return
        retryable = status in RETRYABLE_STATUS or status >= 500
        retry_after_s = retry_after(headers.get("Retry-After"), time.time())
        raise SinkError(self._said(f"status {status}"), retryable=retryable, retry_after_s=retry_after_s)

    def _said(self, fault: str) -> str:
        return f"sink {self.options.name}: {self._host}: {fault}"


def _url_of(options: WebhookSink) -> URL:
    with suppress(ValueError, IndexError):  # yarl raises either; what it says would show the URL
        url = URL(options.url)
        if url.scheme in ("http", "https") and url.host and url.raw_host and url.port:
            if fault := targets.host_fault(url.raw_host, options.allow_addresses):
                raise ConfigError([f"sinks.{options.name}.url: {url.host} {fault}"])
            return url
    raise ConfigError([f"sinks.{options.name}.url: has no usable host and port; give http(s)://host[:port]/path"])


def _key_of(options: WebhookSink) -> bytes | None:
    if options.secret is None:
        return None
    try:
        return signing_key(options.secret.get_secret_value())
    except ValueError as error:
        fault = (
            f"sinks.{options.name}.secret = '***': give whsec_ followed by base64, or a plain text that is not empty"
        )
        raise ConfigError([fault]) from error
