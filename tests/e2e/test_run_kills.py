"""Any one process killed or stopped, and too few open files: the engine goes on where it can, and leaves nothing behind."""

import asyncio
import signal

import psutil
import pytest

from tests.support.engine import shared_memory
from tests.support.following import QUICK, running, simulator
from tests.support.waiting import until

FORK_SERVER = "engine.shards.fork_server"
PLATFORM = "engine.genesys.platform_process"


def victims(engine, kind):
    """Process ids of one kind."""
    if kind == "worker":
        return engine.workers
    wanted = {"fork server": FORK_SERVER, "platform process": PLATFORM}[kind]
    found = [each.pid for each in engine.command.children if wanted in " ".join(each.cmdline())]
    return [pid for pid in found if pid not in engine.workers]


@pytest.mark.parametrize("kind", ["worker", "fork server", "platform process"])
async def test_a_killed_process_is_replaced_and_nothing_of_it_is_left(tmp_path, kind):
    """The call that was heard is heard on, another is taken, descriptors are no more than before, and the end is orderly."""
    memory = shared_memory()
    async with simulator("--calls", 2, "--loop") as cloud, running(cloud.follow(1), tmp_path, QUICK) as engine:
        first, second = cloud.ids
        await engine.comes_to(first, "listening")
        await engine.follow(second)
        await engine.comes_to(second, "listening")
        supervisor = psutil.Process(engine.command.process.pid)
        before = victims(engine, kind)
        files = supervisor.num_fds()
        assert before
        for pid in before:
            psutil.Process(pid).kill()
        await until(lambda: not any(psutil.pid_exists(pid) for pid in before))
        assert (await engine.ask("DELETE", f"/v1/conversations/{second}"))[0] == 204
        async with asyncio.timeout(30):
            while (await engine.follow(second))[0] != 201:
                await asyncio.sleep(0.05)
        await engine.comes_to(second, "listening")
        await until(lambda: len(victims(engine, kind)) == len(before), 30)
        assert not set(victims(engine, kind)) & set(before)
        await engine.ready(200, 30)
        heard = (await engine.info(first))["audio_ms"]
        async with asyncio.timeout(20):
            while (await engine.info(first))["audio_ms"] <= heard:
                await asyncio.sleep(0.02)
        assert (await engine.info(first))["reconnects"] == 0
        await until(lambda: supervisor.num_fds() <= files, 20)
        engine.command.send(signal.SIGINT)
        assert await engine.command.ended(30) == 0
        await engine.command.vanished()
    assert shared_memory() <= memory


async def test_a_stop_that_had_to_kill_is_not_said_to_be_orderly(tmp_path):
    """Workers that hear nothing more: killed at the deadline, nothing left, and code 1."""
    patient = QUICK.replace("[shards]", "[shards]\nhang_timeout_s = 60")
    async with simulator("--calls", 1, "--loop") as cloud, running(cloud.follow(1), tmp_path, patient) as engine:
        await engine.comes_to(cloud.ids[0], "listening")
        for pid in engine.workers:
            psutil.Process(pid).suspend()
        engine.command.send(signal.SIGINT)
        assert await engine.command.ended(30) == 1
        assert engine.command.logged("workers killed at the deadline")
        await engine.command.vanished()


async def test_a_host_that_stands_still_is_found_out_by_pings_and_taken_up_again(tmp_path):
    """Its connections stay open, and nothing comes: half-open, as after a power cut."""
    config = QUICK.replace("connect_timeout_s", "ping_interval_s = 0.5\nconnect_timeout_s")
    async with simulator("--calls", 1, "--loop") as cloud, running(cloud.follow(1), tmp_path, config) as engine:
        (name,) = cloud.ids
        await engine.comes_to(name, "listening")
        async with asyncio.timeout(20):
            while not (await engine.info(name))["audio_ms"]:
                await asyncio.sleep(0.02)
        host = psutil.Process(cloud.pid)
        host.suspend()
        try:
            await engine.comes_to(name, "reconnecting")
        finally:
            host.resume()
        await engine.comes_to(name, "listening")
        async with asyncio.timeout(20):
            while not (await engine.info(name))["gap_ms"]:
                await asyncio.sleep(0.02)
        assert await engine.metric("cueline_reconnects_total", reason="dropped") >= 1


async def test_too_few_open_files_refuse_calls_and_harm_nothing_else(tmp_path):
    """128: nine calls fit. The others are refused, and workers, admin API and stop have what they need."""
    few = ("prlimit", "--nofile=64:128")
    async with (
        simulator("--calls", 12, "--loop") as cloud,
        running(cloud.follow(*range(1, 12)), tmp_path, QUICK, before=few) as engine,
    ):
        supervisor = psutil.Process(engine.command.process.pid)
        assert supervisor.rlimit(psutil.RLIMIT_NOFILE) == (128, 128)
        (warned,) = engine.command.logged("open files limit the calls")
        assert (warned["limit"], warned["calls"]) == (128, 9)
        await until(lambda: len(engine.command.logged("conversation refused")) >= 2)
        refused = engine.command.logged("conversation refused", reason="capacity")
        assert [line["conversation_id"] for line in refused] == cloud.ids[9:11]
        assert all("128 open files are enough for 9 calls" in line["message"] for line in refused)
        await asyncio.gather(*(engine.comes_to(name, "listening") for name in cloud.ids[:9]))
        status, body = await engine.follow(cloud.ids[11])
        assert (status, body["reason"]) == (503, "capacity")
        assert "ulimit -n" in body["detail"]
        assert await engine.metric("cueline_conversations_refused_total", reason="capacity") == 3
        before = engine.workers
        for pid in before:
            psutil.Process(pid).kill()
        await until(lambda: not set(engine.workers) & set(before))
        await engine.ready()
        answers = await asyncio.gather(*(engine.ask("GET", "/v1/conversations") for _ in range(15)))
        assert {status for status, _ in answers} == {200}
        states = {each["conversation_id"]: each["state"] for each in answers[0][1]["conversations"]}
        assert states == dict.fromkeys(cloud.ids[:9], "listening")
        assert supervisor.num_fds() <= 128
        assert not [line for line in engine.command.events if "Too many open files" in str(line)]
        engine.command.send(signal.SIGINT)
        assert await engine.command.ended(30) == 0
