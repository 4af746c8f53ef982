"""The AudioHook server: who may connect, on which path, and how many at once; each socket's life is `audiohook_call.py`'s.

An upgrade is refused where it can't be meant for us (path, headers), where nobody vouches for it (401), and where sockets run out
(503). It is not refused for want of capacity or because the engine is stopping: Genesys gives a call up whose upgrade fails, but
tries again after a `disconnect`, so those are told to the session. Every refusal for a key's or a signature's sake comes at the
same time after the connection. Sockets that have no session yet are bounded by closing the oldest of them.
"""

import asyncio
import re
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from time import monotonic, time
from typing import cast
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from engine.addresses import address_fault, host_and_port
from engine.errors import ConfigError, UpgradeRefusedError
from engine.genesys.audiohook.auth import Authenticator, Upgrade, authority_of
from engine.genesys.audiohook.ids import UUID
from engine.intake.audiohook_call import AudioHookCall
from engine.intake.audiohook_socket import CLOSE_S, MAX_BYTES, AudioHookSocket
from engine.intake.audiohook_terms import OpenSession, Surroundings
from engine.intake.half_open import HalfOpen
from engine.intake.refusals import Refusals
from engine.intake.session_audio import Pump
from engine.intake.silent_websockets import SILENT
from engine.metrics import Metrics
from engine.options import AudioHookOptions, Channel
from engine.tls import certificate_watch

ADDRESS = ("CUELINE_AUDIOHOOK_HOST", "CUELINE_AUDIOHOOK_PORT")
CERTIFICATE = ("CUELINE_AUDIOHOOK_TLS_CERT", "CUELINE_AUDIOHOOK_TLS_KEY")
REFUSAL_S = 0.5  # from the connection to a refusal, whatever is wrong
CONNECTOR = re.compile(r"/[^/]*")

log = structlog.get_logger(__name__)


class AudioHookServer:
    """Listens from `start` to `stop`; after that no task, socket or port of it remains."""

    def __init__(
        self, options: AudioHookOptions, open_session: OpenSession, wanted: frozenset[Channel], metrics: Metrics
    ) -> None:
        """`wanted`: channels to be heard. ConfigError where the certificate or its key can't be used."""
        self._options = options
        self._refusals = Refusals(metrics)
        self._half_open = HalfOpen(options.half_open, self._refusals)
        pump = Pump(asyncio.get_running_loop())
        self._around = Surroundings(open_session, self._half_open.opened, wanted, options, metrics, pump)
        metrics.audiohook.read_from(lambda: self._half_open.sockets, lambda: pump.waiting_s)
        self._authenticator = Authenticator.of(options)
        self._tls = certificate_watch(options.tls_cert, options.tls_key, CERTIFICATE)
        self._server: Server | None = None
        self._watching: asyncio.Task[None] | None = None
        self._calls: set[AudioHookCall] = set()

    async def start(self) -> None:
        """Listen. ConfigError where the address can't be had."""
        serving = serve(
            self._serve,
            self._options.host,
            self._options.port,
            process_request=self._admit,
            create_connection=cast("type[ServerConnection]", partial(AudioHookSocket, self._half_open)),
            compression=None,
            open_timeout=self._options.open_timeout_s,
            ping_interval=None,  # the protocol has its own pings, of which the peer is the sender
            close_timeout=CLOSE_S,
            max_size=MAX_BYTES,
            logger=SILENT,
            server_header=None,
            ssl=self._tls.context if self._tls else None,
        )
        try:
            self._server = await serving
        except OSError as error:
            raise ConfigError([address_fault(ADDRESS, self._options.host, self._options.port, error)]) from error
        unsigned = sum(not key.signed for key in self._options.keys)
        if unsigned:
            log.warning("AudioHook takes unsigned requests: keys without a client secret", keys=unsigned)
        if self._tls is not None:
            self._watching = asyncio.create_task(self._tls.run(), name="AudioHook certificate")

    async def stop(self) -> None:
        """Close all sockets (1001) and the port. May be called again."""
        if self._watching is not None:
            self._watching.cancel()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def ask_to_reconnect(self) -> None:
        """Ask all peers to open their sessions anew, elsewhere; for those that can."""
        for call in self._calls:
            call.ask_to_reconnect()

    @property
    def port(self) -> int:
        """The port it listens on, also where port 0 was asked for."""
        assert self._server is not None
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def url(self) -> str:
        """The connection URI for a peer on this network."""
        scheme = "wss" if self._tls else "ws"
        return f"{scheme}://{host_and_port(self._options.host, self.port)}{self._options.path}"

    async def _serve(self, connection: ServerConnection) -> None:
        """Keep to one socket; its fault is nobody else's."""
        assert isinstance(connection, AudioHookSocket)
        assert connection.identity is not None  # it was admitted
        call = AudioHookCall(connection, connection.identity, self._around)
        self._calls.add(call)
        try:
            await call.run()
        except Exception as error:
            self._around.metrics.audiohook.fault("internal")
            log.exception("AudioHook session failed unexpectedly", exc_info=error)
        finally:
            self._calls.discard(call)

    # the upgrade

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None where the socket may be opened. A fault of ours is told: the library's log is shut off."""
        assert isinstance(connection, AudioHookSocket)
        try:
            return await self._judge(connection, request)
        except Exception as error:
            log.exception("AudioHook upgrade failed unexpectedly", exc_info=error)
            return self._refuse(connection, request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal")

    async def _judge(self, connection: AudioHookSocket, request: Request) -> Response | None:
        begun_s = monotonic()
        target = urlsplit(request.path)
        if not self._may_be_plain(connection):
            return self._refuse(connection, request, HTTPStatus.FORBIDDEN, "address")
        if not self._is_ours(target.path) or target.netloc:
            return self._refuse(connection, request, HTTPStatus.NOT_FOUND, "path")
        try:
            connection.identity = self._authenticator.check(self._upgrade(request), time())
        except UpgradeRefusedError as refused:
            await asyncio.sleep(max(0.0, begun_s + REFUSAL_S - monotonic()))
            return self._refuse(connection, request, HTTPStatus(refused.status), refused.reason, str(refused))
        if self._half_open.sockets > self._options.connections:
            return self._refuse(connection, request, HTTPStatus.SERVICE_UNAVAILABLE, "connections")
        return None

    def _upgrade(self, request: Request) -> Upgrade:
        """The request as the peer signed it, in front of our proxies."""
        options = self._options
        path, mark, query = request.path.partition("?")
        if options.public_path is not None:
            path = options.public_path + path.removeprefix(options.path)
        hosts = request.headers.get_all("Host")
        secure = bool(self._tls or options.trusted_proxies or options.authority)
        return Upgrade(
            target=f"{path}{mark}{query}",
            authority=authority_of(options.authority or (hosts[0] if hosts else ""), secure=secure),
            headers=tuple(request.headers.raw_items()),
        )

    def _is_ours(self, path: str) -> bool:
        """The configured path, and one segment more: an Audio Connector adds its connector's id."""
        rest = path.removeprefix(self._options.path)
        return path.startswith(self._options.path) and (not rest or CONNECTOR.fullmatch(rest) is not None)

    def _may_be_plain(self, connection: ServerConnection) -> bool:
        """Whether its audio has not crossed a network in clear, as far as we can know."""
        if self._tls is not None:
            return True
        peer = ip_address(connection.remote_address[0].partition("%")[0])
        address = getattr(peer, "ipv4_mapped", None) or peer
        return address.is_loopback or any(address in network for network in self._options.trusted_proxies)

    def _refuse(
        self, connection: AudioHookSocket, request: Request, status: HTTPStatus, reason: str, message: str = ""
    ) -> Response:
        known: dict[str, object] = {"status": int(status), "peer": connection.remote_address[0]}
        sessions = request.headers.get_all("Audiohook-Session-Id")
        if len(sessions) == 1 and UUID.fullmatch(sessions[0]):
            known["session_id"] = sessions[0]
        self._refusals.told(reason, message, **known)
        connection.refusal = connection.respond(status, f"{status.phrase}\n")
        return connection.refusal
