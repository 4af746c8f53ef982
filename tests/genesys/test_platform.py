import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import structlog
import uvloop

from engine.errors import PlatformError
from engine.genesys.platform import PlatformClient
from engine.genesys.platform_messages import TransferTarget
from tests.support.loopback_platform import LOGIN, LOOK_UP, STALL, LoopbackPlatform, Reply, genesys_options
from tests.support.waiting import until

QUEUE = TransferTarget("queue", "queue-7")
REPLACE = "/api/v2/conversations/conv-1/participants/p-agent/replace/queue"


async def test_twenty_callers_cause_one_login(cloud, connect):
    cloud.login_delay_s = 0.2
    client = await connect()
    assert client.token_seconds_left(time.monotonic()) == 0
    tokens = await asyncio.gather(*(client.token() for _ in range(20)))
    assert set(tokens) == {"token-1"}
    assert cloud.tally() == {("POST", LOGIN): 1}
    assert 3590 < client.token_seconds_left(time.monotonic()) <= 3600


async def test_the_login_is_basic_auth_with_client_credentials(cloud, connect):
    client = await connect()
    await client.token()
    [login] = cloud.requests
    assert login.headers["authorization"] == "Basic " + base64.b64encode(b"our-client:open-sesame").decode()
    assert login.headers["content-type"] == "application/x-www-form-urlencoded"
    assert login.body == b"grant_type=client_credentials"


async def test_a_token_is_renewed_when_little_of_it_is_left(cloud, connect):
    cloud.expires_in = 1
    client = await connect()
    assert await client.token() == "token-1"
    await until(lambda: client.token_seconds_left(time.monotonic()) < 0.5)
    assert await client.token() == "token-2"


async def test_a_refused_token_is_renewed_once_for_all_who_were_refused(cloud, connect):
    client = await connect()
    first = await client.token()
    tokens = await asyncio.gather(*(client.token(fresher_than=first) for _ in range(10)))
    assert set(tokens) == {"token-2"}
    assert cloud.count("POST", LOGIN) == 2
    assert await client.token(fresher_than=first) == "token-2"


async def test_a_killed_process_is_replaced_and_no_read_waits_for_ever(cloud, connect):
    client = await connect()
    cloud.script("GET", LOOK_UP, STALL, Reply(body={"participants": [{"state": "connected"}]}))
    waiting = asyncio.ensure_future(client.check("conv-1"))
    await cloud.received("GET", LOOK_UP)
    first = client.pid
    os.kill(first, signal.SIGKILL)
    with pytest.raises(PlatformError, match="process ended") as caught:
        await waiting
    assert caught.value.happened == "no"
    assert client.pid is None
    assert (await client.check("conv-1")).live
    assert client.pid != first
    assert not psutil.pid_exists(first)


async def test_an_action_under_way_when_the_process_dies_may_have_happened(cloud, connect):
    client = await connect()
    cloud.script("POST", REPLACE, STALL)
    waiting = asyncio.ensure_future(client.transfer("conv-1", QUEUE))
    await cloud.received("POST", REPLACE)
    os.kill(client.pid, signal.SIGKILL)
    with pytest.raises(PlatformError) as caught:
        await waiting
    assert caught.value.happened == "unknown"
    assert await client.token() == "token-2"
    assert cloud.count("POST", REPLACE) == 1


async def test_a_process_that_hangs_is_replaced(cloud, connect):
    client = await connect(request_timeout_s=0.3)
    hung = client.pid
    os.kill(hung, signal.SIGSTOP)
    with pytest.raises(PlatformError, match="did not answer in time"):
        await client.token()
    assert await asyncio.wait_for(client.token(), 20) == "token-1"
    assert client.pid != hung
    assert not psutil.pid_exists(hung)


async def test_nothing_is_left_after_close(cloud):
    client = PlatformClient(genesys_options(cloud))
    await client.start()
    pid = client.pid
    cloud.script("GET", LOOK_UP, STALL)
    waiting = asyncio.ensure_future(client.check("conv-1"))
    await cloud.received("GET", LOOK_UP)
    await client.close(grace_s=0.1)
    assert not psutil.pid_exists(pid)
    with pytest.raises(PlatformError):
        await waiting
    with pytest.raises(PlatformError, match="closed"):
        await client.token()
    await client.close()


async def test_a_request_that_nobody_waits_for_any_more_is_not_begun(cloud, connect):
    client = await connect()
    cloud.script("GET", LOOK_UP, Reply(429, headers={"Retry-After": "0.5"}), Reply(body={"participants": []}))
    waiting = asyncio.ensure_future(client.check("conv-1"))
    await cloud.received("GET", LOOK_UP)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    cloud.script("GET", "/api/v2/conversations/other", Reply(429, headers={"Retry-After": "1"}), Reply(body={}))
    assert (await client.check("other")).live  # by now the first would have been repeated
    assert cloud.count("GET", LOOK_UP) == 1


SUPERVISOR = """
import asyncio, sys
from engine.genesys.platform import PlatformClient
from engine.options import GenesysOptions

async def main():
    options = GenesysOptions.model_validate_json(sys.stdin.readline())
    async with PlatformClient(options) as client:
        await client.token()
        print("pid", client.pid, flush=True)
        await client.check("conv-1")

asyncio.run(main())
"""


def _announced_pid(lines):
    return next(int(line.split()[1]) for line in lines if line.startswith("pid "))


async def test_no_orphan_when_the_supervisor_is_killed(cloud):
    cloud.script("GET", LOOK_UP, STALL)
    settings = genesys_options(cloud).model_dump(mode="json") | {"client_secret": "open-sesame"}
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        supervisor.stdin.write(json.dumps(settings) + "\n")
        supervisor.stdin.flush()
        pid = await asyncio.to_thread(_announced_pid, supervisor.stdout)
        process = psutil.Process(pid)
        await cloud.received("GET", LOOK_UP)
        assert "open-sesame" not in " ".join(process.cmdline())
        for ignored in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(ignored)
        supervisor.kill()
        await asyncio.to_thread(supervisor.wait)
        await until(lambda: not psutil.pid_exists(pid) or process.status() == psutil.STATUS_ZOMBIE, 5)
    finally:
        supervisor.kill()
        supervisor.wait()
        supervisor.stdin.close()
        supervisor.stdout.close()


async def test_a_process_that_cannot_start_is_an_error_and_not_a_tight_loop(cloud, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    client = PlatformClient(genesys_options(cloud))
    for _ in range(2):
        with pytest.raises(PlatformError, match="ended as it started") as caught:
            await client.start()
        assert caught.value.happened == "no"
    assert client.pid is None
    monkeypatch.delenv("PYTHONPATH")
    assert await client.token() == "token-1"
    await client.close()


async def test_a_near_rate_limit_is_logged_once_per_window(cloud, connect):
    near = {"inin-ratelimit-count": "299", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "60"}
    cloud.script("GET", LOOK_UP, Reply(200, {}, near))
    client = await connect()
    with structlog.testing.capture_logs() as lines:
        await client.check("conv-1")
        await client.check("conv-1")
    limits = [line for line in lines if "rate limit" in line["event"]]
    assert [(line["count"], line["allowed"]) for line in limits] == [(299, 300)]


async def test_repetitions_are_logged_without_secrets(cloud, connect):
    cloud.script("GET", LOOK_UP, Reply(503, {"message": "+49 30 123"}, {"Retry-After": "0"}), Reply(200, {}))
    client = await connect()
    with structlog.testing.capture_logs() as lines:
        await client.check("conv-1")
    [line] = [line for line in lines if "repeated" in line["event"]]
    assert (line["status"], line["attempt"]) == (503, 1)
    assert not any(word in str(lines) for word in ("token-1", "open-sesame", "+49"))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_it_works_on_both_loops(loop):
    async def use():
        async with LoopbackPlatform() as cloud, PlatformClient(genesys_options(cloud)) as client:
            assert await client.token() == "token-1"
            os.kill(client.pid, signal.SIGKILL)
            await until(lambda: client.pid is None)
            assert (await client.check("conv-1")).live

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(use())


async def test_without_credentials_nothing_is_started_and_every_request_says_what_to_set(cloud):
    async with PlatformClient(genesys_options(cloud, client_id=None, client_secret=None)) as client:
        assert client.pid is None
        for request in (client.token(), client.check("a"), client.disconnect("a", "customer")):
            with pytest.raises(PlatformError, match="set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET") as caught:
                await request
            assert caught.value.happened == "no"
        assert client.pid is None
    assert cloud.requests == []


async def test_answers_429_and_failed_renewals_are_told_to_the_counter(cloud):
    limited, failed = [], []
    options = genesys_options(cloud)
    async with PlatformClient(options, lambda: limited.append(1), lambda: failed.append(1)) as client:
        cloud.script("GET", LOOK_UP, Reply(429, headers={"Retry-After": "0"}), Reply(body={"participants": []}))
        await client.check("conv-1")
        assert (len(limited), len(failed)) == (1, 0)
        cloud.script("POST", LOGIN, Reply(400, {}))
        with pytest.raises(PlatformError):
            await client.token(fresher_than=await client.token())
        assert (len(limited), len(failed)) == (1, 1)
