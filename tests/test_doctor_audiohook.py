"""The doctor where calls come by AudioHook: sockets and certificates are real, made by the `openssl` program."""

import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import doctor_views
from engine.doctor import examine
from engine.doctor_audiohook import check_audiohook, judge_certificate
from engine.doctor_checks import Check
from engine.options import AudioHookOptions
from tests.support.certificates import make_certificates, needs_openssl

SIGNED = {"api_key": "key", "client_secret": "TXlTdXBl"}
KEY = {"CUELINE_AUDIOHOOK_API_KEY": "key", "CUELINE_AUDIOHOOK_PORT": "0", "CUELINE_ADMIN_PORT": "0"}
SHOWN = {
    "notAfter": "Jan 20 12:00:00 2027 GMT",
    "subject": ((("commonName", "voice.example"),),),
    "issuer": ((("commonName", "An Authority"),),),
    "subjectAltName": (("DNS", "voice.example"), ("DNS", "*.voice.example")),
}


def checks(**settings: object) -> dict[str, Check]:
    options = AudioHookOptions.model_validate({"port": 0, "keys": [SIGNED]} | settings)
    return {check.name: check for check in check_audiohook(options, datetime.now(UTC))}


async def examined(tmp_path: Path, text: str = "", **environ: str) -> dict[str, Check]:
    (tmp_path / "c.toml").write_text(text)
    return {check.name: check for check in await examine(tmp_path / "c.toml", KEY | environ)}


def test_without_a_key_there_is_nothing_to_look_at() -> None:
    assert list(checks(keys=[])) == ["audiohook"]
    assert checks(keys=[])["audiohook"].verdict == "ok"


def test_a_port_that_somebody_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = checks(port=port)["audiohook address"]
    assert (check.verdict, check.advice.partition(";")[0]) == (
        "fail",
        f"CUELINE_AUDIOHOOK_PORT = {port}: in use already",
    )
    assert checks(port=port)["audiohook address"] == Check("audiohook address", "ok", f"127.0.0.1:{port} is free")


def test_a_key_without_a_secret_is_warned_of() -> None:
    check = checks(keys=[SIGNED, {"api_key": "open"}])["audiohook keys"]
    assert (check.verdict, check.found) == ("warn", "2 set, 1 of them without a client secret")
    assert checks()["audiohook keys"].verdict == "ok"


def test_without_a_certificate_a_proxy_has_to_have_one() -> None:
    check = checks()["audiohook certificate"]
    assert (check.verdict, "a proxy in front has to end TLS" in check.found) == ("ok", True)


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    check = checks(tls_cert="/no/such.pem", tls_key="/no/such.key")["audiohook certificate"]
    assert check.verdict == "fail"
    assert "CUELINE_AUDIOHOOK_TLS_CERT = /no/such.pem: can't be read" in check.advice


@needs_openssl
def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)  # for two days
    check = checks(tls_cert=made.cert, tls_key=made.key)["audiohook certificate"]
    assert check.verdict == "warn"
    assert check.found.startswith("for localhost, 127.0.0.1, until ")
    assert check.found.endswith(": 1 day"), "made a moment ago: not quite two"


@needs_openssl
def test_an_expired_certificate(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    request, key = tmp_path / "request.pem", tmp_path / "ca-key.pem"
    words = ("-CA", made.authority, "-CAkey", key, "-CAcreateserial", "-days", "-1", "-out", made.cert)
    subprocess.run(["openssl", "x509", "-req", "-in", request, *map(str, words)], check=True, capture_output=True)
    check = checks(tls_cert=made.cert, tls_key=made.key)["audiohook certificate"]
    assert (check.verdict, check.found) == ("fail", "expired")


@needs_openssl
def test_a_certificate_signed_by_itself_and_one_that_is_for_no_server(tmp_path: Path) -> None:
    def made(*extension: str) -> Check:
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "90")
        words = ("-subj", "/CN=voice.example", "-addext", *extension, "-keyout", key, "-out", cert)
        subprocess.run(["openssl", "req", "-x509", *curve, *map(str, words)], check=True, capture_output=True)
        return checks(tls_cert=cert, tls_key=key)["audiohook certificate"]

    own = made("subjectAltName=DNS:voice.example")
    assert (own.verdict, own.advice) == ("warn", "Genesys takes public authorities only")
    assert made("extendedKeyUsage=clientAuth").verdict == "fail"


@pytest.mark.parametrize(
    ("days", "issuer", "verdict", "found"),
    [
        (30, "An Authority", "ok", "for voice.example, *.voice.example, until 2027-01-20"),
        (14, "An Authority", "ok", "until 2027-01-20"),
        (13, "An Authority", "warn", "until 2027-01-20: 13 days"),
        (30, "voice.example", "warn", "signed by itself"),
    ],
)
def test_how_a_certificate_is_judged(days: int, issuer: str, verdict: str, found: str) -> None:
    now = datetime(2027, 1, 20, 12, tzinfo=UTC) - timedelta(days=days)
    check = judge_certificate("c", SHOWN | {"issuer": ((("commonName", issuer),),)}, now)
    assert check.verdict == verdict
    assert found in check.found


async def test_with_a_key_credentials_are_not_needed(tmp_path: Path) -> None:
    found = await examined(tmp_path)
    assert found["credentials"] == Check(
        "credentials", "ok", "not set, not needed: calls come by AudioHook, and no sink acts on them"
    )
    assert doctor_views.healthy(found.values())
    assert {name for name in found if name.startswith("audiohook")} == {
        *("audiohook address", "audiohook certificate", "audiohook keys")
    }


async def test_a_sink_that_needs_them_stops_the_start_and_is_named(tmp_path: Path) -> None:
    sink = '[[sinks]]\nname = "t"\ntype = "genesys.disconnect"\n'
    check = (await examined(tmp_path, sink))["configuration"]
    assert check.verdict == "fail"
    assert "Needed: a sink is of type genesys.disconnect." in check.found
