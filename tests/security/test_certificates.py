"""Certificates are checked on every way out, nothing switches that off, and SSL_CERT_FILE adds a private authority.

Real TLS servers on loopback: the webhook's receiver, the real-time socket, the platform (asked by the SDK in its process).
"""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.commands import webhook
from engine.errors import CuelineError, PlatformError, SinkError
from engine.genesys.platform import PlatformClient
from engine.intake import realtime_socket
from engine.intake.realtime_socket import RealtimeSocket, SocketFailedError
from tests.support.certificates import Certificates, make_certificates, needs_openssl
from tests.support.commands import attempted, command
from tests.support.loopback_platform import LoopbackPlatform, genesys_options
from tests.support.realtime import Peer, options, realtime_server
from tests.support.webhooks import sink

pytestmark = needs_openssl
ENGINE = Path(__file__).parents[2] / "engine"

Visit = Callable[[Certificates], AsyncIterator[None]]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def misnamed(tmp_path_factory) -> Certificates:
    """A good certificate of another host."""
    return make_certificates(tmp_path_factory.mktemp("misnamed"), "DNS:other.example")


@pytest.fixture(autouse=True)
def fresh_authorities():
    """The real-time socket reads the authorities once per process."""
    realtime_socket._tls.cache_clear()
    yield
    realtime_socket._tls.cache_clear()


@asynccontextmanager
async def hook_server(certificates: Certificates) -> AsyncIterator[tuple[str, list[bytes]]]:
    got: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.read())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=certificates.server_context())
    try:
        yield str(server.make_url("/hook?token=hush-hush")), got
    finally:
        await server.close()


async def visit_webhook(certificates: Certificates) -> int:
    async with hook_server(certificates) as (url, got), webhook.open_session(1) as session:
        await attempted(sink(url, session, deadline_s=1.0), command())
        return len(got)


async def visit_realtime(certificates: Certificates) -> int:
    async def stay(peer: Peer) -> None:
        await peer.stay()

    async with realtime_server(stay, tls=certificates.server_context()) as server:
        socket = await RealtimeSocket.open(options(server.url))
        await socket.close()
        return server.openings


async def visit_platform(certificates: Certificates) -> int:
    async with LoopbackPlatform(certificates.server_context()) as cloud:
        async with PlatformClient(genesys_options(cloud, request_timeout_s=3.0)) as client:
            await client.token()
        return cloud.count()


WAYS = pytest.mark.parametrize(
    ("visit", "error"),
    [(visit_webhook, SinkError), (visit_realtime, SocketFailedError), (visit_platform, PlatformError)],
    ids=["webhook", "real-time socket", "platform"],
)


@WAYS
async def test_an_unknown_authority_is_refused(made, visit, error) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(error) as caught:
            await visit(made)
    assert isinstance(caught.value, CuelineError)
    assert "hush-hush" not in str(caught.value)
    assert re.search("certificate", str(caught.value), re.IGNORECASE)


@WAYS
async def test_ssl_cert_file_names_a_private_authority(made, visit, error, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    async with asyncio.timeout(60):
        assert await visit(made) == 1


@WAYS
async def test_a_certificate_of_another_host_is_refused_though_its_authority_is_known(
    misnamed, visit, error, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(misnamed.authority))
    async with asyncio.timeout(60):
        with pytest.raises(error):
            await visit(misnamed)


@WAYS
async def test_no_environment_name_switches_it_off(made, visit, error, monkeypatch) -> None:
    for name, value in (
        ("PYTHONHTTPSVERIFY", "0"),
        ("CURL_CA_BUNDLE", ""),
        ("REQUESTS_CA_BUNDLE", ""),
        ("VERIFY_SSL", "false"),
    ):
        monkeypatch.setenv(name, value)
    async with asyncio.timeout(60):
        with pytest.raises(error):
            await visit(made)


EXCEPTED = {
    "doctor_audiohook.py": {"check_hostname"}
}  # looks at our own certificate, in memory: nobody is at the other end


def test_nothing_in_the_source_switches_it_off() -> None:
    words = {"CERT_NONE", "CERT_OPTIONAL", "_create_unverified_context", "check_hostname", "verify_mode", "verify_ssl"}
    for file in ENGINE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            named = {getattr(node, field, None) for field in ("id", "attr", "arg")}
            assert not named & words - EXCEPTED.get(file.name, set()), (file, getattr(node, "lineno", 0))
            if isinstance(node, ast.keyword) and node.arg in ("ssl", "verify"):
                assert not (isinstance(node.value, ast.Constant) and node.value.value is False), (
                    file,
                    node.value.lineno,
                )
