"""TERM and Ctrl-C at any moment, the supervisor killed, a worker killed: it ends, honestly, and leaves nothing behind."""

import asyncio
import signal
from uuid import uuid4

import psutil
import pytest

from engine.__main__ import INTERRUPTED
from tests.support.commands import receiver
from tests.support.engine import alive, command, shared_memory
from tests.support.following import assert_heard, heard_in, phrases_of, running
from tests.support.shards import recording
from tests.support.strange_cloud import Line, strange_cloud
from tests.support.waiting import until

MOMENTS_MS = (0, 50, 150, 300, 600, 1000, 1500, 2500)
WAYS = ((signal.SIGTERM,), (signal.SIGINT,), (signal.SIGTERM, signal.SIGINT))
PYTHON_STARTS_MS = 300  # until then our first line may not have been reached
UNMEASURED = {"COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}  # coverage's start-up swallows a Ctrl-C
DEADLINE_S = 30.0  # from the signal to the end, on a busy machine; what drains has two seconds


def lines(count):
    return {f"call-{number}": Line(recording(number).pcm) for number in range(1, count + 1)}


async def interrupted(environment, tmp_path, moment_ms, numbers):
    """Start it, send the signals after so long, and say how it ended."""
    settings = (
        environment
        | UNMEASURED
        | {"CUELINE_ADMIN_PORT": "0", "CUELINE_STATE_DIR": str(tmp_path / uuid4().hex), "CUELINE_DRAIN_S": "2"}
    )
    async with command("run", environment=settings, cwd=tmp_path) as process:
        await asyncio.sleep(moment_ms / 1000)  # the moment is what is tested, not waited for
        for number in numbers:
            process.send(number)
        code = await process.ended(DEADLINE_S)
        await process.vanished()
    return numbers, code, process


@pytest.mark.parametrize("moment_ms", MOMENTS_MS)
async def test_a_signal_at_any_moment_ends_it_with_nothing_left(tmp_path, moment_ms):
    """Code 0, or that of the signal before anything had begun; and Python's own start is Python's own affair."""
    before = shared_memory()
    async with strange_cloud(lines(2), speed=1) as cloud:
        ends = await asyncio.gather(*(interrupted(cloud.environment, tmp_path, moment_ms, ways) for ways in WAYS))
    for numbers, code, process in ends:
        log = "\n".join(process.err)
        if "KeyboardInterrupt" in log:
            assert moment_ms <= PYTHON_STARTS_MS, log
            assert "engine/cli.py" not in log, log
            continue
        assert code == 0 or (code in (*(-number for number in numbers), INTERRUPTED) and not process.events), log
        assert not [word for word in ("Traceback", "Abort", "never ") if word in log], log
        assert not [line for line in process.events if line["level"] == "error"], log
    assert shared_memory() <= before


async def test_nothing_outlives_a_killed_supervisor(tmp_path):
    before = shared_memory()
    async with strange_cloud(lines(2), speed=1) as cloud, running(cloud.environment, tmp_path) as engine:
        await engine.comes_to("call-1", "listening")
        assert len(alive(engine.command.mark)) >= 4  # supervisor, platform process, fork server, workers
        engine.command.send(signal.SIGKILL)
        assert await engine.command.ended(30) == -signal.SIGKILL
        await engine.command.vanished()
    assert shared_memory() <= before


async def test_a_killed_worker_is_replaced_and_what_was_said_is_delivered_once(tmp_path):
    """Killed in the middle of a phrase, on the shard that hears it; the platform process is killed too, for good measure."""
    (_, early_ms), (_, _), (_, last_ms) = phrases_of(1)
    calls = lines(3)
    async with receiver() as hook, strange_cloud(calls, speed=2) as cloud:
        environment = cloud.environment | {
            "TARGET_KEYWORD": "transfer me,cancel my order,stop recording",
            "CUELINE_WEBHOOK_URL": hook.url,
        }
        async with running(environment, tmp_path) as engine:
            await until(lambda: calls["call-1"].at >= 16 * (early_ms - 300))
            (platform,) = engine.command.logged("Platform process started.")
            for pid in (*engine.workers, platform["pid"]):
                psutil.Process(pid).kill()
            await engine.ready(503)
            await engine.ready(200)
            await until(lambda: calls["call-1"].at >= 16 * (last_ms - 300), 60)
            for pid in engine.workers:
                psutil.Process(pid).kill()
            for name in calls:
                assert (await engine.comes_to(name, "ended", timeout_s=60))["reason"] == "ended"
            assert await engine.metric("cueline_worker_restarts_total") == 2 * len(engine.workers)
            assert await engine.metric("cueline_frames_dropped_total") == 0
            await engine.follow("call-1")  # the platform answers again
            assert (await engine.comes_to("call-1", "ended", "failed"))["reason"] == "ended"
            await engine.command.stop()
        for number, name in enumerate(calls, start=1):
            wanted = ("transfer me", "cancel my order", "stop recording")
            assert_heard(heard_in(hook, name), phrases_of(number, *wanted))
        assert len({got.headers["webhook-id"] for got in hook.received}) == len(hook.received)
