"""The log of a real engine: one line for each conversation at its end, and a log that can't be written harms nothing."""

import asyncio

import aiohttp

from tests.e2e.test_run_outbox import KEYWORDS, free_port
from tests.support.commands import receiver
from tests.support.engine import command
from tests.support.following import Running, assert_heard, heard_in, phrases_of, running
from tests.support.shards import recording
from tests.support.strange_cloud import Line, strange_cloud

FULL = ("sh", "-c", 'exec "$@" 2>/dev/full', "sh")  # every write of the log fails: no space left on device


async def up(engine: Running) -> None:
    """Its log can't tell, so ask until it answers."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await engine.ready()
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def test_a_full_disk_for_the_log_stops_nothing(tmp_path):
    async with receiver() as hook, strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url, "CUELINE_LOG_LEVEL": "debug"}
        environment |= {"CUELINE_ADMIN_PORT": str(free_port()), "CUELINE_STATE_DIR": str(tmp_path / "var")}
        url = f"http://127.0.0.1:{environment['CUELINE_ADMIN_PORT']}"
        async with command("run", environment=environment, cwd=tmp_path, before=FULL) as process:
            async with aiohttp.ClientSession(url) as http:
                engine = Running(process, http)
                await up(engine)
                await engine.comes_to("call-1", "ended", timeout_s=60)
                await engine.settled()
            assert await process.stop() == 0
            assert process.err == []
    assert_heard(heard_in(hook, "call-1"), phrases_of(1))


async def test_a_conversation_leaves_one_line_with_its_figures(tmp_path):
    pcm = recording(1).pcm
    async with strange_cloud({"call-1": Line(pcm)}) as cloud, running(cloud.environment | KEYWORDS, tmp_path) as engine:
        line = await engine.command.says("conversation left", conversation_id="call-1", timeout_s=60)
        await engine.command.stop()
        assert engine.command.logged("conversation left") == [line]
    assert (line["source"], line["reason"], line["phrases"]) == ("realtime", "ended", len(phrases_of(1)))
    assert (line["audio_ms"], line["gap_ms"], line["reconnects"]) == (len(pcm) // 16, 0, 0)
    assert 0 < line["duration_s"] < 120
