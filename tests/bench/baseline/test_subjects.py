"""Both subjects really, with two calls for four seconds; cancelled; and with their processes killed under way."""

import asyncio
import os

import psutil
import pytest

from bench.baseline.subjects import PlainServer, TutorialScripts, model_folder
from tests.support.waiting import until

MADE = pytest.mark.parametrize("made", [PlainServer, TutorialScripts])
WAIT_S = 60


def children(module: str = "") -> list[psutil.Process]:
    """Ours, of all generations; those that run a module."""
    found = []
    for child in psutil.Process(os.getpid()).children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.NoSuchProcess:
            continue
        if module in command or not module:
            found.append(child)
    return found


def connected(process: psutil.Process) -> bool:
    try:
        return any(each.status == psutil.CONN_ESTABLISHED for each in process.net_connections("tcp"))
    except psutil.NoSuchProcess:
        return False


@MADE
async def test_two_calls_for_four_seconds(made):
    point = await made(stock=True).measure(2, 4)
    assert point.failure is None
    # The stretch is seconds 3 to 7 of call-02, whose first phrase ends at 6.009, and 6 to 10 of call-01: 6.125, which is
    # before the stretch where the second script takes longer to connect than the first.
    assert (point.heard, point.false) == (point.said, 0)
    assert point.said == 2 or (point.said == 1 and made is TutorialScripts)
    assert point.frames == pytest.approx(2 * 200, abs=4)
    assert 0 < point.frame_ms.p50 <= point.frame_ms.p95 <= point.frame_ms.p99
    assert point.spot_ms.p95 is not None
    assert all(0 < cores < 2 for cores in (*point.cpu.values(), point.load_cpu))
    assert all(mb > 20 for mb in point.memory_mb.values())
    assert children() == []


@MADE
async def test_nothing_is_left_when_cancelled(made):
    measuring = asyncio.create_task(made(stock=False).measure(2, 60))
    await until(lambda: any(map(connected, children())), WAIT_S)
    measuring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await measuring
    assert children() == []


async def test_a_server_that_dies_is_a_failure():
    measuring = asyncio.create_task(PlainServer(stock=True).measure(2, 60))
    await until(lambda: any(map(connected, children("bench.baseline.client"))), WAIT_S)
    (server,) = children("bench.baseline.server")
    server.kill()
    point = await measuring
    assert "connections broke" in point.failure
    assert point.broken == (point.failure,)
    assert children() == []


async def test_a_script_that_dies_is_a_failure():
    measuring = asyncio.create_task(TutorialScripts(stock=True).measure(2, 1))
    await until(lambda: len(children("bench.baseline.tutorial")) == 2, WAIT_S)
    await until(lambda: all(map(connected, children("bench.baseline.tutorial"))), WAIT_S)
    children("bench.baseline.tutorial")[0].kill()
    point = await measuring
    assert "bench.baseline.tutorial has ended" in point.failure
    assert children() == []


def test_stock_is_the_models_own_settings_and_else_ours():
    def settings(*, stock: bool) -> str:
        with model_folder(stock=stock) as folder:
            return (folder / "conf" / "model.conf").read_text()

    assert "--beam=12.0" in settings(stock=True)
    assert "--beam=10.0" in settings(stock=False)
