"""Certificates that change under a listener: real files, real handshakes. What a start refuses is in tests/admin/test_tls.py."""

import asyncio
import contextlib
import shutil
import socket
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.errors import ConfigError
from engine.tls import CertificateWatch, server_context
from tests.support.certificates import Certificates, make_certificates, needs_openssl

pytestmark = needs_openssl
NAMES = ("THE_CERT", "THE_KEY")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return [make_certificates(tmp_path_factory.mktemp(name)) for name in ("one", "two")]


@pytest.fixture
def files(two, tmp_path):
    """The first pair, where the second will come."""
    put(two[0], tmp_path)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def put(made: Certificates, folder: Path) -> None:
    """Replace both as tools do: written beside, then renamed."""
    for source in (made.cert, made.key):
        beside = folder / "beside"
        shutil.copy(source, beside)
        beside.rename(folder / source.name)


def der_of(made: Certificates) -> bytes:
    return ssl.PEM_cert_to_DER_cert(made.cert.read_text())


@contextlib.asynccontextmanager
async def listening(watch: CertificateWatch):
    """A listener that sends back what it gets; yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=watch.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def connected(port: int, name: str = "", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3):
    """Streams over TLS of this version, with or without the name asked for, and the certificate that was shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = version
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    return reader, writer, writer.get_extra_info("ssl_object").getpeercert(binary_form=True)


async def shown(port: int, name: str = "", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    _, writer, certificate = await connected(port, name, version)
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    return certificate


async def test_every_handshake_after_a_change_shows_the_new_one(two, files, tmp_path):
    watch = CertificateWatch(*files, NAMES)
    kinds = [(name, kind) for name in ("", "localhost") for kind in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
    async with listening(watch) as port:
        assert [await shown(port, *kind) for kind in kinds] == [der_of(two[0])] * 4
        reader, writer, _ = await connected(port)
        put(two[1], tmp_path)
        assert await shown(port) == der_of(two[0])  # not looked at yet
        assert watch.refresh()
        assert [await shown(port, *kind) for kind in kinds] == [der_of(two[1])] * 4
        writer.write(b"still there\n")
        async with asyncio.timeout(20):
            assert await reader.readline() == b"still there\n"
        writer.close()


async def test_a_client_that_comes_back_with_its_session_is_served(two, files, tmp_path):
    """TLS 1.2 resumes with the ticket that it got from the certificate before."""
    watch = CertificateWatch(*files, NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def visit(port: int, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        with context.wrap_socket(plain, session=session) as secured:
            secured.sendall(b"hello\n")
            assert secured.recv(6) == b"hello\n"
            return secured.session

    async with listening(watch) as port:
        session = await asyncio.to_thread(visit, port, None)
        put(two[1], tmp_path)
        assert watch.refresh()
        await asyncio.to_thread(visit, port, session)


def test_what_did_not_change_is_not_read_again(files):
    watch = CertificateWatch(*files, NAMES)
    with capture_logs() as logs:
        assert not watch.refresh()
    assert logs == []


async def test_a_pair_that_cannot_be_used_is_told_once_and_the_one_before_stays(two, files, tmp_path):
    watch = CertificateWatch(*files, NAMES)
    cert, key = files
    async with listening(watch) as port:
        with capture_logs() as logs:
            shutil.copy(two[1].cert, cert)  # its key is still to come
            assert not watch.refresh()
            assert not watch.refresh()
            assert await shown(port) == der_of(two[0])
            cert.write_text("-----BEGIN CERTIFICATE-----\nhush-hush\n")
            assert not watch.refresh()
            key.unlink()
            assert not watch.refresh()
            assert not watch.refresh()
            assert await shown(port) == der_of(two[0])
            put(two[1], tmp_path)
            assert watch.refresh()
            assert await shown(port) == der_of(two[1])
    assert [line["log_level"] for line in logs] == ["error", "error", "error", "info"]
    assert [line["faults"] for line in logs[:3]] == [
        [f"THE_KEY = {key}: is not the key of the certificate in {cert}"],
        [f"THE_CERT = {cert}, THE_KEY = {key}: not a certificate (chain) and its key, without a password, in PEM form"],
        [f"THE_KEY = {key}: can't be read (No such file or directory)"],
    ]
    assert "hush" not in str(logs)


def test_files_behind_links_that_are_turned(two, tmp_path):
    """As Kubernetes and certbot do it."""
    live = tmp_path / "live"
    live.symlink_to(two[0].cert.parent)
    watch = CertificateWatch(live / "cert.pem", live / "key.pem", NAMES)
    live.unlink()
    live.symlink_to(two[1].cert.parent)
    assert watch.refresh()
    assert not watch.refresh()


async def test_it_looks_by_itself(two, files, tmp_path):
    watch = CertificateWatch(*files, NAMES)
    async with listening(watch) as port, asyncio.timeout(20):
        looking = asyncio.create_task(watch.run(0.01))
        put(two[1], tmp_path)
        while await shown(port) != der_of(two[1]):
            await asyncio.sleep(0.01)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking


def test_at_the_start_a_fault_is_an_error_of_configuration(tmp_path):
    with pytest.raises(ConfigError) as caught:
        CertificateWatch(tmp_path / "a", tmp_path / "b", NAMES)
    assert caught.value.faults == [
        f"THE_CERT = {tmp_path / 'a'}: can't be read (No such file or directory)",
        f"THE_KEY = {tmp_path / 'b'}: can't be read (No such file or directory)",
    ]


def test_without_files_there_is_no_tls(two):
    assert server_context(None, None, NAMES) is None
    assert server_context(two[0].cert, two[0].key, NAMES).minimum_version is ssl.TLSVersion.TLSv1_2
