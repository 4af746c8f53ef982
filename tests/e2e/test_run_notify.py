"""`cueline run` under a service manager: ready, signs of life, none while it stands still, the stop."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.engine import done
from tests.support.following import running
from tests.support.manager import manager
from tests.support.waiting import until

PERIOD_S = 0.4
HOOK = {
    "CUELINE_AUDIOHOOK_API_KEY": "a-key",
    "CUELINE_AUDIOHOOK_PORT": "0",
    "CUELINE_DRAIN_S": "3",
    "WATCHDOG_USEC": str(round(PERIOD_S * 1e6)),
}


async def test_a_manager_is_told_of_the_whole_life(tmp_path):
    with manager(tmp_path) as told:
        async with running(HOOK | {"NOTIFY_SOCKET": told.name}, tmp_path) as engine:
            await until(lambda: told.lines("READY"))
            assert (await engine.ask("GET", "/readyz"))[0] == 200
            await until(lambda: "ready, 0 conversations" in told.lines("STATUS"))
            beats = len(told.lines("WATCHDOG"))
            await until(lambda: len(told.lines("WATCHDOG")) >= beats + 3)
            await _stands_still(engine.command.process.pid, told)
            engine.command.send(signal.SIGTERM)
            assert await engine.command.ended(20) == 0
        assert told.lines("READY") == ["1"]
        assert told.lines("STOPPING") == ["1"]
        (within_us,) = map(int, told.lines("EXTEND_TIMEOUT_USEC"))
        assert 10_000_000 < within_us <= 13_000_000
        assert told.lines("STATUS")[0] == "starting"
        assert told.lines("STATUS")[-1] == "stopping, 0 conversations"
        order = [line for message in told.seen for line in message.splitlines() if line in ("READY=1", "STOPPING=1")]
        assert order == ["READY=1", "STOPPING=1"]


async def _stands_still(pid, told):
    """A stopped supervisor gives no sign; when it goes on, it does."""
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: _state_of(pid) == "T")
        beats = len(told.lines("WATCHDOG"))
        with pytest.raises(TimeoutError):
            await until(lambda: len(told.lines("WATCHDOG")) > beats, 3 * PERIOD_S)
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: len(told.lines("WATCHDOG")) > beats)


def _state_of(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_start_that_fails_is_never_ready(tmp_path):
    with manager(tmp_path) as told:
        environment = HOOK | {"NOTIFY_SOCKET": told.name, "TARGET_KEYWORD": "xyzzyplugh"}
        code, _, err = await done("run", environment=environment | {"CUELINE_ADMIN_PORT": "0"}, cwd=tmp_path)
        assert code == 2, err
        assert told.lines("READY") == []
