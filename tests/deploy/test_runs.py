"""What compose starts, started here without containers: the engine with its environment, the simulator with its command.

And the same engine locked in as the systemd unit does it: with those system calls, and no memory that is written and run.
"""

import asyncio
import contextlib
import ctypes
import shlex
import subprocess
import sys

import pytest

from deploy.make_secrets import make
from tests.support.deployed import DEPLOY, compose_environment, compose_services
from tests.support.engine import command
from tests.support.following import running
from tests.support.programs import program
from tests.support.sandboxed import CAN_NOT, allowed

SECRETS = "/run/cueline"
SANDBOX = (sys.executable, "-m", "tests.support.sandboxed")


def here(secrets):
    """The composition's environment; addresses are loopback's, ports free ones."""
    environment = {name: value.replace(SECRETS, str(secrets)) for name, value in compose_environment().items()}
    for part in ("ADMIN", "AUDIOHOOK"):
        environment |= {f"CUELINE_{part}_HOST": "127.0.0.1", f"CUELINE_{part}_PORT": "0"}
    return environment


@contextlib.asynccontextmanager
async def composed(tmp_path, before=()):
    """The composition's engine and simulator."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    make(secrets)
    token = (secrets / "admin_token").read_text()
    config = (DEPLOY / "cueline.toml").read_text()
    async with running(here(secrets), tmp_path, config, token, before) as engine:
        (up,) = engine.command.logged("cueline is up")
        words, environment = simulator(up["audiohook"], secrets)
        async with command(*words, environment=environment):
            yield engine


def simulator(address, secrets):
    """Words and environment of its command in compose, as the shell there would make them."""
    service = compose_services()["simulator"]
    assert service["entrypoint"] == ["sh", "-c"]
    (line,) = service["command"]
    words = shlex.split(line.replace("$$(cat ", "$(cat "))
    begins = words.index("exec")
    environment = {}
    for word in words[:begins]:
        name, _, value = word.partition("=")
        file = value.removeprefix("$(cat ").removesuffix(")")
        environment[name] = (secrets / file.removeprefix(f"{SECRETS}/")).read_text()
    assert words[begins + 1] == "cueline"
    url = words.index("--url") + 1
    assert words[url].startswith("ws://cueline:8443/")
    words[url] = "ws://" + address.partition("://")[2]
    return words[begins + 2 :], environment


async def hears(engine):
    """Every call is there, phrases are spotted, Prometheus may scrape without the token."""
    await engine.command.says("Phrase spotted", 60)
    calls = compose_services()["simulator"]["command"][0].partition("--calls ")[2].split()[0]

    async with asyncio.timeout(30):
        while await engine.metric("cueline_conversations", source="audiohook", state="listening") < int(calls):
            await asyncio.sleep(0.02)
    async with engine.http.get("/metrics", headers={"Authorization": ""}) as scraped:
        assert scraped.status == 200
    async with engine.http.get("/v1/conversations", headers={"Authorization": ""}) as refused:
        assert refused.status == 401


async def test_the_simulators_calls_are_heard(tmp_path):
    async with composed(tmp_path) as engine:
        await hears(engine)


@pytest.fixture
def locked():
    program("systemd-analyze")
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp is not installed")
    libc = ctypes.CDLL(None)
    if libc.prctl(66, 0, 0, 0, 0) < 0:  # PR_GET_MDWE
        pytest.skip("this kernel knows no MDWE (Linux 6.3)")


async def test_an_engine_that_is_locked_in_hears_as_well(tmp_path, locked):
    async with composed(tmp_path, SANDBOX) as engine:
        await hears(engine)


def test_the_lock_is_one(locked):
    """Forbidden: setting the clock, and memory that is written and run."""
    code = (
        "import ctypes, mmap, time\n"
        "try: time.clock_settime(time.CLOCK_REALTIME, time.time())\n"
        "except PermissionError: print('clock')\n"
        "try: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        "except PermissionError: print('memory')\n"
    )
    done = subprocess.run([*SANDBOX, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != CAN_NOT
    assert done.stdout.split() == ["clock", "memory"], done.stderr
    assert {"read", "execve", "clone3", "memfd_create"} <= allowed()
    assert {"mount", "ptrace", "reboot", "chown", "setuid"} & allowed() == set()
