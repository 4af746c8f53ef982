"""Real processes: ready, failed, slow, stopped, killed; and the environment that they get."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from engine.demo.processes import TAIL_LINES, child_environment, event_of, readable, running
from engine.errors import DemoError
from tests.support.demo import MARK, marked
from tests.support.waiting import until

SIMULATE = ["simulate", "--port", "0", "--json"]


def is_ready(event: dict) -> bool:
    return event.get("event") == "ready"


def environment(mark: str = "") -> dict[str, str]:
    return child_environment(os.environ, {MARK: mark})


def test_the_childs_environment_is_ours_and_the_users_model():
    users = {
        "PATH": "/bin",
        "VOSK_MODEL_PATH": "/models/mine",
        "GENESYS_CLIENT_SECRET": "real",
        "CUELINE_SHARDS": "9",
        "TARGET_KEYWORD": "mine",
        "HTTP_PROXY": "http://proxy",
        "https_proxy": "http://proxy",
        "PYTHONPATH": "/mine",
    }
    root = str(Path(__file__).parents[2])
    assert child_environment(users, {"GENESYS_CLIENT_ID": "demo"}) == {
        "PATH": "/bin",
        "VOSK_MODEL_PATH": "/models/mine",
        "PYTHONPATH": f"{root}:/mine",
        "GENESYS_CLIENT_ID": "demo",
    }
    assert child_environment({}, {}) == {"PYTHONPATH": root}


def test_only_objects_are_events():
    assert event_of('{"event": "ready"}') == {"event": "ready"}
    assert [event_of(line) for line in ("", "[1]", "ready", '{"event":')] == [None] * 4


def test_a_log_line_in_short():
    event = {"level": "error", "event": "worker died", "shard": 1, "timestamp": "2026-01-01T00:00:00Z"}
    assert readable(event) == "error: worker died shard=1"


async def test_a_process_is_ready_and_then_gone(tmp_path):
    mark = str(tmp_path)
    async with running("simulator", SIMULATE, environment(mark), is_ready, asyncio.Event()) as child:
        ready = await child.ready(60)
        assert len(ready["calls"]) >= 12
        assert await child.ready(0) is ready
        child.check()
        assert len(marked(mark)) == 1
    assert marked(mark) == []


async def test_a_folder_called_engine_where_the_user_stands_is_none_of_ours(tmp_path, monkeypatch):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit(99)")
    monkeypatch.chdir(tmp_path)
    async with running("simulator", SIMULATE, environment(), is_ready, asyncio.Event()) as child:
        await child.ready(60)


async def test_a_process_that_ends_says_its_last_words():
    arguments = [*SIMULATE, "--speech", "/nowhere"]
    async with running("simulator", arguments, environment(), is_ready, asyncio.Event()) as child:
        with pytest.raises(DemoError, match="exit code 2") as caught:
            await child.ready(60)
        assert "/nowhere/manifest.json" in str(caught.value)
        with pytest.raises(DemoError, match="exit code 2"):
            child.check()


async def test_a_process_that_is_not_ready_in_time():
    async with running("simulator", SIMULATE, environment(), lambda _: False, asyncio.Event()) as child:
        with pytest.raises(DemoError, match="not ready within 0 s"):
            await child.ready(0)


async def test_its_end_can_be_awaited():
    async with running("simulator", SIMULATE, environment(), is_ready, asyncio.Event()) as child:
        await child.ready(60)
        os.kill(child.pid, signal.SIGKILL)
        await child.ending(20)
        with pytest.raises(DemoError, match="exit code -9"):
            child.check()


async def test_a_process_that_ignores_term_is_killed_when_it_is_urgent(tmp_path):
    mark, hurry = str(tmp_path), asyncio.Event()
    async with asyncio.timeout(30):
        async with running("simulator", SIMULATE, environment(mark), is_ready, hurry) as child:
            await child.ready(60)
            psutil.Process(child.pid).suspend()  # deaf to TERM as long as it lasts
            asyncio.get_running_loop().call_later(0.1, hurry.set)
    assert marked(mark) == []


async def test_being_cancelled_while_it_starts_leaves_nothing(tmp_path):
    mark = str(tmp_path)

    async def start() -> None:
        async with running("simulator", SIMULATE, environment(mark), is_ready, asyncio.Event()) as child:
            await child.ready(60)

    task = asyncio.create_task(start())
    await until(lambda: marked(mark))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert marked(mark) == []


async def test_complaints_are_kept_and_bounded():
    async with running("simulator", SIMULATE, environment(), lambda _: False, asyncio.Event()) as child:
        child._take('{"level": "info", "event": "all is well"}')
        for number in range(TAIL_LINES + 1):
            child._take(f'{{"level": "warning", "event": "trouble {number}"}}')
        assert len(child.complaints) == TAIL_LINES
        assert child.complaints[-1] == f"warning: trouble {TAIL_LINES}"
