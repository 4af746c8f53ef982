"""Real processes: what they answer, what is said when they don't, and that nothing of them is left."""

import asyncio
import contextlib
import os

import psutil
import pytest

from bench.baseline.scripts import Script, started
from engine.errors import DemoError

MODULE = "tests.support.script"
ANSWER_S = 60


async def checked_until_it_ends(script: Script) -> None:
    while True:
        await script.check()
        await asyncio.sleep(0.002)


async def test_lines_go_in_and_objects_come_out():
    async with started(MODULE, ["one", "two"]) as script:
        assert await script.answer(ANSWER_S) == {"event": "ready", "arguments": ["one", "two"]}
        script.tell("hello")
        assert await script.answer(ANSWER_S) == {"word": "hello"}
    assert not psutil.pid_exists(script.pid)


async def test_its_environment_has_what_was_given_and_one_thread_for_the_decoder(monkeypatch):
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "real")
    async with started(MODULE, [], {"GENESYS_LOGIN_URL": "http://here"}) as script:
        await script.answer(ANSWER_S)
        found = psutil.Process(script.pid).environ()
    assert found["GENESYS_LOGIN_URL"] == "http://here"
    assert found["OPENBLAS_NUM_THREADS"] == "1"
    assert "GENESYS_CLIENT_SECRET" not in found


async def test_one_that_ends_says_its_last_words():
    async with started(MODULE, []) as script:
        await script.answer(ANSWER_S)
        await script.check()
        script.tell("fail")
        with pytest.raises(DemoError, match=r"tests.support.script has ended(?s:.*)no JSON(?s:.*)all is lost"):
            await script.answer(ANSWER_S)
        with pytest.raises(DemoError, match="has ended"):
            await checked_until_it_ends(script)
    assert not psutil.pid_exists(script.pid)


async def test_one_that_says_nothing_is_not_waited_for():
    async with started(MODULE, []) as script:
        await script.answer(ANSWER_S)
        with pytest.raises(DemoError, match="did not answer within 0 s"):
            await script.answer(0.05)
    assert not psutil.pid_exists(script.pid)


async def until_dead(pid: int) -> None:
    """Gone, or a zombie that init reaps."""
    async with asyncio.timeout(ANSWER_S):
        while psutil.pid_exists(pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                    return
            await asyncio.sleep(0.01)


async def test_its_children_go_with_it_also_when_cancelled():
    pids = asyncio.get_running_loop().create_future()

    async def play():
        async with started(MODULE, []) as script:
            await script.answer(ANSWER_S)
            script.tell("child")
            pids.set_result((script.pid, (await script.answer(ANSWER_S))["pid"]))
            await script.answer(ANSWER_S)

    playing = asyncio.create_task(play())
    script, child = await pids
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert not psutil.pid_exists(script)
    await until_dead(child)  # killed with its group; nobody of ours waits for it
    assert child not in [each.pid for each in psutil.Process(os.getpid()).children(recursive=True)]
