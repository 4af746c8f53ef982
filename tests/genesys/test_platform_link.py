import os
import signal
import sys
import time

import psutil
import pytest
from pydantic import SecretStr

from engine.errors import PlatformError
from engine.genesys.platform_link import PlatformLink
from engine.genesys.platform_messages import Configure, GetToken, TokenRenewed
from tests.support.waiting import until


@pytest.fixture
def configure(cloud):
    return Configure(f"{cloud.url}/login-gateway", cloud.url, "id", SecretStr("open-sesame"), 2.0)


async def test_questions_are_answered_and_notes_handed_on(configure):
    notes = []
    link = await PlatformLink.start(configure, notes.append)
    try:
        assert await link.ask(GetToken(1, time.monotonic() + 10)) == "token-1"
        assert [type(note) for note in notes] == [TokenRenewed]
    finally:
        await link.close()
    assert not psutil.pid_exists(link.pid)


async def test_our_settings_and_secrets_stay_out_of_its_environment(configure, monkeypatch):
    monkeypatch.setenv("GENESYS_CLIENT_SECRET", "open-sesame")
    link = await PlatformLink.start(configure, print)
    try:
        process = psutil.Process(link.pid)
        assert "open-sesame" not in str(process.environ()) + str(process.cmdline())
        assert os.getsid(link.pid) != os.getsid(0)
    finally:
        await link.close()


async def test_a_process_that_does_not_end_is_killed(configure):
    link = await PlatformLink.start(configure, print)
    os.kill(link.pid, signal.SIGSTOP)
    await link.close(patience_s=0.1)
    assert not psutil.pid_exists(link.pid)


async def test_after_its_end_it_takes_no_question(configure):
    link = await PlatformLink.start(configure, print)
    os.kill(link.pid, signal.SIGKILL)
    await until(lambda: not link.usable)
    with pytest.raises(PlatformError, match="ended") as caught:
        await link.ask(GetToken(1, time.monotonic() + 10))
    assert caught.value.happened == "no"
    await link.close()


async def test_a_program_that_is_missing(configure, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(PlatformError, match="can't be started"):
        await PlatformLink.start(configure, print)


async def test_a_start_that_takes_too_long_leaves_nothing(configure):
    before = set(psutil.Process().children())
    with pytest.raises(PlatformError, match="not ready within"):
        await PlatformLink.start(configure, print, timeout_s=0.01)
    assert set(psutil.Process().children()) == before
