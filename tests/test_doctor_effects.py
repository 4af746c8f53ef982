"""The doctor on where effects go: real folders, locks and names of this machine."""

import asyncio
import os
from pathlib import Path

import pytest

from engine.doctor import examine
from engine.doctor_effects import ROOM_MB, check_state, check_traces, check_webhooks, connection_fault
from engine.options import LogSink, TelemetryOptions, WebhookSink
from engine.state_connection import FILE_NAME
from tests.support.waiting import until

ENVIRONMENT = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s", "CUELINE_ADMIN_PORT": "0"}


def test_a_folder_that_is_still_to_be_made_is_not_made(tmp_path: Path) -> None:
    check = check_state(tmp_path / "a" / "b")
    assert (check.verdict, "MB free" in check.found) == ("ok", True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert check_state(tmp_path / "var").verdict == "fail"


def test_a_file_where_the_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("")
    check = check_state(tmp_path / "var" / "deep")
    assert (check.verdict, "CUELINE_STATE_DIR" in check.advice) == ("fail", True)


def test_an_engine_that_runs_with_it_is_no_fault(tmp_path: Path) -> None:
    check = check_state(tmp_path, running=True)
    assert (check.verdict, "a Cueline runs with it; another one needs its own" in check.found) == ("ok", True)


def test_a_state_that_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("no database, and long enough to be taken for one " * 20)
    check = check_state(tmp_path)
    assert (check.verdict, FILE_NAME in check.found) == ("fail", True)


@pytest.mark.parametrize(("kind", "verdict"), [("nfs4", "warn"), ("cifs", "warn"), ("ext4", "ok")])
def test_a_disk_of_another_machine(tmp_path: Path, kind: str, verdict: str) -> None:
    mounts = f"overlay / overlay rw 0 0\nserver:/x {tmp_path.resolve()} {kind} rw 0 0\n"
    check = check_state(tmp_path / "var", mounts)
    assert (check.verdict, kind in check.found) == (verdict, verdict == "warn")


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": ROOM_MB * 1e6 - 1})())
    check = check_state(tmp_path)
    assert (check.verdict, "make room" in check.advice) == ("warn", True)


@pytest.mark.parametrize(
    ("settings", "verdict", "words"),
    [
        ({"url": "http://127.0.0.1:9/hook"}, "ok", "127.0.0.1 is 127.0.0.1; port 9 takes connections"),
        ({"url": "http://localhost:9/hook"}, "ok", "localhost is "),
        ({"url": "http://169.254.169.254/"}, "fail", "metadata"),
        ({"url": "http://[fe80::1]/"}, "fail", "link-local"),
        ({"url": "http://169.254.10.1/", "allow_addresses": ["169.254.10.0/24"]}, "warn", "169.254.10.1"),
        ({"url": "http://203.0.113.7/"}, "warn", "203.0.113.7"),
        ({"url": "https://203.0.113.7/"}, "ok", "203.0.113.7; port 443"),
        ({"url": "https://no-such-name.invalid/"}, "warn", "can't be resolved"),
        ({"url": "https://203.0.113.7/", "secret": "whsec_!"}, "fail", "secret"),
    ],
)
async def test_webhooks(settings: dict[str, object], verdict: str, words: str) -> None:
    async def connects(addresses: list[str], port: int) -> None:
        assert "169.254.169.254" not in addresses, "what is refused is not connected to"

    (check,) = await check_webhooks([LogSink(name="log"), WebhookSink(name="hook", **settings)], connects)
    assert (check.name, check.verdict) == ("webhook hook", verdict), check
    assert words in check.found


async def test_a_webhook_is_connected_to_and_nothing_is_sent() -> None:
    sent = []

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await reader.read())
        writer.close()

    async with await asyncio.start_server(taken, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        sink = WebhookSink(name="hook", url=f"http://localhost:{port}/hook", deadline_s=90)
        (check,) = await check_webhooks([sink])
        assert (check.verdict, check.found.partition("; ")[2]) == ("ok", f"port {port} takes connections")
        await until(lambda: sent == [b""])
    (check,) = await check_webhooks([sink])
    assert (check.verdict, check.found.partition("; ")[2]) == ("warn", f"port {port}: connection refused")
    assert check.advice == "start its receiver, or mend the url: its commands wait, and are given up after 90 s"


async def test_a_receiver_that_is_not_reached_in_time(monkeypatch) -> None:
    monkeypatch.setattr("engine.doctor_effects.CONNECT_S", 0.0)
    assert await connection_fault(["127.0.0.1"], 9) == "timed out"


def test_traces(monkeypatch) -> None:
    assert check_traces(TelemetryOptions()) == []
    wanted = TelemetryOptions(otlp_endpoint="http://127.0.0.1:4318")
    (check,) = check_traces(wanted)
    assert (check.verdict, check.found) == ("ok", "to http://127.0.0.1:4318")
    monkeypatch.setattr("engine.doctor_effects.TRACING", ("no-such-distribution",))
    (check,) = check_traces(wanted)
    assert (check.verdict, "cueline[otel]" in check.advice) == ("fail", True)


async def test_they_are_among_the_checks(tmp_path: Path) -> None:
    environment = ENVIRONMENT | {"CUELINE_WEBHOOK_URL": "http://127.0.0.1:9/", "CUELINE_STATE_DIR": str(tmp_path)}
    checks = {check.name: check.verdict for check in await examine(None, environment)}
    assert (checks["webhook webhook"], checks["state folder"]) == ("warn", "ok")
