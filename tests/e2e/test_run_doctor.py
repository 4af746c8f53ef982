"""`cueline doctor` beside an engine of the same configuration: nothing to stop, nothing to change; and beside a stranger."""

import asyncio
import fcntl
import json
import os
import signal
import socket
from pathlib import Path

import psutil

from engine.state_file import LOCK_NAME
from tests.support.engine import done
from tests.support.following import running

KEYS = {
    "CUELINE_AUDIOHOOK_API_KEY": "key",
    "CUELINE_AUDIOHOOK_CLIENT_SECRET": "TXlTdXBl",
    "CUELINE_SHARDS": "1",
}


def free_ports() -> list[str]:
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return [str(each.getsockname()[1]) for each in (one, other)]


def configured(folder: Path) -> dict[str, str]:
    admin, hook = free_ports()
    return KEYS | {
        "CUELINE_ADMIN_PORT": admin,
        "CUELINE_AUDIOHOOK_PORT": hook,
        "CUELINE_STATE_DIR": str(folder / "var"),
    }


async def examined(environment: dict[str, str], folder: Path) -> tuple[int, dict[str, dict[str, str]]]:
    code, out, err = await done("doctor", "--json", environment=environment, cwd=folder)
    assert err == ""
    return code, {row["name"]: row for row in map(json.loads, out.splitlines())}


async def test_beside_an_engine_that_is_well_nothing_fails(tmp_path):
    environment = configured(tmp_path)
    async with running(environment, tmp_path) as engine:
        code, rows = await examined(environment, tmp_path)
        admin = f"127.0.0.1:{environment['CUELINE_ADMIN_PORT']}"
        assert code == 0, rows
        assert (rows["state folder"]["verdict"], rows["audiohook address"]["verdict"]) == ("ok", "ok")
        assert "a Cueline runs with it" in rows["state folder"]["found"]
        assert rows["admin address"]["verdict"] == "ok"
        assert rows["admin address"]["found"] == (
            f"{admin} is in use, by the Cueline that runs here, it seems; /healthz says ok"
        )
        process = psutil.Process(engine.command.process.pid)
        process.send_signal(signal.SIGSTOP)
        try:
            code, rows = await examined(environment, tmp_path)
        finally:
            process.send_signal(signal.SIGCONT)
        assert (code, rows["admin address"]["verdict"]) == (0, "warn")
        assert "/healthz does not answer" in rows["admin address"]["found"]
    code, rows = await examined(environment, tmp_path)
    assert (code, "is free" in rows["admin address"]["found"]) == (0, True)


async def test_a_port_that_another_program_has_fails_still(tmp_path):
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"status":"ok"}')
        writer.close()

    environment = configured(tmp_path)
    folder = Path(environment["CUELINE_STATE_DIR"])
    folder.mkdir()
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        async with await asyncio.start_server(page, "127.0.0.1", int(environment["CUELINE_ADMIN_PORT"])):
            code, rows = await examined(environment, tmp_path)
    finally:
        os.close(descriptor)
    assert (code, rows["state folder"]["verdict"], rows["admin address"]["verdict"]) == (1, "ok", "fail")
    assert "stop the program that has it" in rows["admin address"]["advice"]
