"""The admin API with TLS, and what beyond the loopback is refused at the start."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess

import aiohttp
import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from engine.admin.events import EventStream
from engine.admin.limits import Limits
from engine.admin.server import AdminParts, AdminServer
from engine.admin.tls import server_context
from engine.errors import ConfigError
from engine.metrics import Metrics
from engine.options import AdminOptions
from tests.support.admin import Registry, running
from tests.support.certificates import make_certificates, needs_openssl

pytestmark = needs_openssl
TOKEN = "a-token-of-32-characters-1234567"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"))


def files(made) -> dict[str, object]:
    return {"tls_cert": made.cert, "tls_key": made.key}


async def test_it_answers_over_tls_and_over_nothing_else(made):
    async with running(ssl=made.client_context(), **files(made)) as admin:
        assert admin.server.url == f"https://127.0.0.1:{admin.server.port}"
        assert (await admin.http.get("/healthz")).status == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", admin.server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(10):
            assert not (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_certificate_that_is_replaced_is_served_without_a_restart(made, tmp_path):
    old, new = make_certificates(tmp_path), made
    trusts_new = new.client_context()
    settings = {"tls_cert": old.cert, "tls_key": old.key}
    async with running(Limits(look_s=0.01), ssl=old.client_context(), **settings) as admin:
        assert (await admin.http.get("/healthz")).status == 200

        async def new_one_is_taken() -> bool:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                return (await admin.http.get("/healthz", ssl=trusts_new)).status == 200
            return False

        assert not await new_one_is_taken()
        shutil.copy(new.cert, old.cert)
        shutil.copy(new.key, old.key)
        async with asyncio.timeout(20):
            while not await new_one_is_taken():
                await asyncio.sleep(0.01)


async def test_old_tls_is_refused(made):
    assert server_context(AdminOptions(**files(made))).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.1.2.3", "192.168.0.1", "example", "127.0.0.1.example", "::ffff:10.0.0.1"]
)
def test_beyond_the_loopback_a_token_is_needed(host):
    with pytest.raises(ValidationError, match="CUELINE_ADMIN_TOKEN"):
        AdminOptions(host=host)
    assert not AdminOptions(host=host, token=TOKEN).on_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.1", "::1", "localhost"])
def test_on_the_loopback_none_is_needed(host):
    assert AdminOptions(host=host).on_loopback


async def test_in_clear_beyond_the_loopback_is_warned_of(made):
    for settings, warnings in (({}, 1), (files(made), 0)):
        options = AdminOptions(host="0.0.0.0", port=0, token=TOKEN, **settings)
        server = AdminServer(options, AdminParts(Registry(), dict, Metrics(), EventStream()))
        with capture_logs() as logs:
            await server.start()
        await server.stop()
        assert [line["log_level"] for line in logs] == ["warning"] * warnings
        assert TOKEN not in str(logs)


@pytest.mark.parametrize(
    "token", ["", "brief", "x" * 15, "has a space in the middle", "ünïcödé-token-of-16", "x" * 20 + "\n"]
)
def test_a_token_that_is_none(token):
    with pytest.raises(ValidationError, match="token") as caught:
        AdminOptions(token=token)
    assert token == "" or token not in str(caught.value)


def test_certificate_and_key_go_together(made):
    for name, path in files(made).items():
        with pytest.raises(ValidationError, match="go together"):
            AdminOptions(**{name: path})


def faults(cert, key) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        server_context(AdminOptions(tls_cert=cert, tls_key=key))
    return caught.value.faults


def test_files_that_cannot_be_used_are_named(made, tmp_path):
    gone, empty, garbage = tmp_path / "gone.pem", tmp_path / "empty.pem", tmp_path / "garbage.pem"
    empty.touch()
    garbage.write_text("-----BEGIN CERTIFICATE-----\nhush-hush\n-----END CERTIFICATE-----\n")
    assert faults(gone, empty) == [
        f"CUELINE_ADMIN_TLS_CERT = {gone}: can't be read (No such file or directory)",
        f"CUELINE_ADMIN_TLS_KEY = {empty}: is empty; give a file in PEM form",
    ]
    assert faults(tmp_path, made.key) == [f"CUELINE_ADMIN_TLS_CERT = {tmp_path}: can't be read (Is a directory)"]
    (line,) = faults(garbage, made.key)
    assert line.startswith(f"CUELINE_ADMIN_TLS_CERT = {garbage}, CUELINE_ADMIN_TLS_KEY = {made.key}: not a certificate")
    assert "hush" not in line


def test_a_key_of_another_certificate_is_named(made, tmp_path):
    other = make_certificates(tmp_path)
    assert faults(made.cert, other.key) == [
        f"CUELINE_ADMIN_TLS_KEY = {other.key}: is not the key of the certificate in {made.cert}"
    ]


def test_a_key_with_a_password_is_refused_and_not_asked_for(made, tmp_path):
    locked = tmp_path / "locked.pem"
    words = ["openssl", "pkcs8", "-topk8", "-in", made.key, "-out", locked, "-passout", "pass:hush-hush"]
    subprocess.run([*map(str, words)], check=True, capture_output=True)
    (line,) = faults(made.cert, locked)
    assert "without a password" in line
