"""The process by itself, spoken to over its socket as the supervisor does."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from pydantic import SecretStr

from engine.genesys.platform_messages import (
    CheckConversation,
    Configure,
    Failed,
    Forget,
    GetToken,
    LimitNeared,
    Ready,
    Retried,
    TokenGiven,
    TokenRenewed,
    platform_codec,
)
from engine.genesys.platform_process import PlatformProcess
from engine.packets import PacketPort, socket_pair
from tests.support.loopback_platform import LOGIN, LOOK_UP, STALL, Reply

NEAR = {"inin-ratelimit-count": "299", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "9"}


@pytest.fixture
def process():
    """A bare process and our end of its socket."""
    ours, theirs = socket_pair()
    command = [sys.executable, "-m", "engine.genesys.platform_process", str(theirs.fileno())]
    child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
    theirs.close()
    port = PacketPort(ours, platform_codec())
    yield child, port
    port.close()
    try:
        child.wait(5)
    finally:
        child.kill()
        child.wait()


@pytest.fixture
def configured(process, cloud):
    child, port = process
    port.send(Configure(f"{cloud.url}/login-gateway", cloud.url, "id", SecretStr("secret"), 2.0))
    assert port.receive() == Ready(lean=True)
    return child, port


def deadline(seconds=10.0):
    return time.monotonic() + seconds


async def told(port, kind):
    """Receive until a message of that kind comes (the loopback platform runs in this loop)."""
    async with asyncio.timeout(10):
        while not isinstance(message := await asyncio.to_thread(port.receive), kind):
            pass
        return message


async def test_it_is_small_and_does_nothing_by_itself(configured):
    child, _ = configured
    seen = psutil.Process(child.pid)
    assert seen.num_threads() == 1
    assert seen.memory_full_info().uss < 64 * 2**20
    assert "secret" not in " ".join(seen.cmdline())


async def test_it_outlives_signals_but_not_its_socket(configured):
    child, port = configured
    for ignored in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.pid, ignored)
    port.send(GetToken(1, deadline()))
    assert (await told(port, TokenGiven)).token == "token-1"
    port.close()
    assert child.wait(5) == 0


async def test_it_ends_with_its_socket_while_a_server_keeps_it_waiting(configured, cloud):
    child, port = configured
    cloud.script("GET", LOOK_UP, STALL)
    port.send(CheckConversation(1, deadline(), "conv-1"))
    await cloud.received("GET", LOOK_UP)
    port.close()
    assert child.wait(1.8) == 1  # sooner than the 2 s that the request may take


async def test_it_ends_when_nobody_configures_it(process):
    child, port = process
    port.close()
    assert child.wait(5) == 0


async def test_it_ends_when_the_first_message_is_another(process):
    child, port = process
    port.send(Forget(1))
    assert child.wait(5) == 0


async def test_it_notes_renewals_repetitions_and_near_limits(configured, cloud):
    _, port = configured
    cloud.script("GET", LOOK_UP, Reply(500, {}, {"Retry-After": "0"}), Reply(404, {}, NEAR))
    port.send(CheckConversation(1, deadline(), "conv-1"))
    assert (await told(port, TokenRenewed)).expires_at_s > time.monotonic() + 3000
    repeated = await told(port, Retried)
    assert (repeated.status, repeated.attempt) == (500, 1)
    assert await told(port, LimitNeared) == LimitNeared(299, 300, 9)


async def test_a_request_past_its_deadline_is_not_begun(configured, cloud):
    _, port = configured
    port.send(CheckConversation(1, deadline(-1), "conv-1"))
    answer = await told(port, Failed)
    assert "No time was left" in answer.message
    assert cloud.requests == []


class Surprise:
    """Calls and access of an SDK that breaks."""

    def check(self, budget, conversation_id):
        raise KeyError(conversation_id)


def test_a_surprise_of_the_sdk_ends_one_request_only():
    said, inbox = [], [CheckConversation(1, deadline(), "a"), CheckConversation(2, deadline(), "b"), None]
    PlatformProcess(lambda: inbox.pop(0), said.append, Surprise(), Surprise(), Surprise(), 0.1).run()
    assert {(failed.number, failed.status, failed.happened) for failed in said} <= {
        (1, 0, "unknown"),
        (2, 0, "unknown"),
    }
    assert all("KeyError" in failed.message for failed in said)
    assert said


def test_a_second_configuration_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        PlatformProcess(
            lambda: Configure("", "", "", SecretStr(""), 1.0), print, Surprise(), Surprise(), Surprise(), 0.1
        ).run()


async def test_forgetting_what_is_done_does_no_harm(configured, cloud):
    _, port = configured
    port.send(Forget(7))
    port.send(GetToken(8, deadline()))
    assert (await told(port, TokenGiven)).number == 8
    assert cloud.count("POST", LOGIN) == 1
