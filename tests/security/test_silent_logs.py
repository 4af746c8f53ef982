"""A whole run in which everything goes wrong that can, at log level debug: nothing of what was said, and no secret, is told.

Real processes: simulator, engine, a webhook receiver that echoes what it gets. The login is refused first, the peer sends
garbage and drops the line, a webhook fails for good and another for a while, functions of the operator raise errors whose
texts are what was said. All that any process of the engine writes is then searched, and so is what others can see of it.
"""

import asyncio
import contextlib
import os
import re
import stat
from types import SimpleNamespace

import orjson
import psutil
import pytest
import pytest_asyncio
from aiohttp import web

from tests.support.commands import answer, receiver
from tests.support.engine import ROOT, alive
from tests.support.following import running, simulator

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

MARK = "hush-hush"
TOKEN = f"{MARK}-admin-token"
SAID = ("transfer me", "cancel my order", "stop recording", "transfer", "cancel my", "recording", "my order")

HOOKS = """
import asyncio

def raises(body):
    raise RuntimeError("heard: " + body["data"]["text"])

async def raises_later(body):
    await asyncio.sleep(0)
    raise KeyError(body["data"]["text"])

def leaves(body):
    raise SystemExit(body["data"]["text"])

def meant(text):
    raise ValueError("heard: " + text)
"""

CONFIG = """
[genesys]
request_timeout_s = 5.0
reconnect_base_s = 0.1

[shards]
count = 1
slots = 2048

[[rules]]
name = "one"
phrases = ["transfer me", "cancel my order", "stop recording"]
sinks = ["log", "lines", "hook", "broken", "mark", "raises", "later", "leaves"]

[[rules]]
name = "two"
phrases = ["transfer me"]
match = "own_hooks:meant"
hear = ["transfer me", "cancel my order"]

[[sinks]]
name = "lines"
type = "file"
path = "var/deep/lines.jsonl"

[[sinks]]
name = "hook"
type = "webhook"
url = "{hook}&key=hush-hush"

[[sinks]]
name = "broken"
type = "webhook"
url = "{broken}&key=hush-hush"
deadline_s = 2.0

[[sinks]]
name = "mark"
type = "genesys.attributes"
attributes = {{ heard = "{{phrase}}" }}

[[sinks]]
name = "raises"
type = "python"
entry_point = "own_hooks:raises"

[[sinks]]
name = "later"
type = "python"
entry_point = "own_hooks:raises_later"

[[sinks]]
name = "leaves"
type = "python"
entry_point = "own_hooks:leaves"
"""


async def echo(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    return web.Response(status=500, reason="transfer me", body=body, headers={"X-Said": "transfer me", "X-Key": MARK})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run(tmp_path_factory):
    """All that is left of such a run."""
    folder = tmp_path_factory.mktemp("silent")
    (folder / "own_hooks.py").write_text(HOOKS)
    async with (
        receiver(echo, answer(200)) as hook,
        receiver(echo) as broken,
        simulator("--speed", 3, "--calls", 3) as cloud,
    ):
        await cloud.arm("token_401")
        for fault in ("garbage_json", "garbage_base64", "unknown_types", "odd_bytes", "subscribe_403", "drop_mid_call"):
            await cloud.arm(fault)
        environment = cloud.follow(1) | {
            "CUELINE_ADMIN_TOKEN": TOKEN,
            "CUELINE_WEBHOOK_SECRET": f"{MARK}-signing-key",
            "CUELINE_LOG_LEVEL": "debug",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
        }
        config = CONFIG.format(hook=hook.url, broken=broken.url)
        it = SimpleNamespace(
            folder=folder, hook=hook, broken=broken, client_secret=environment["GENESYS_CLIENT_SECRET"]
        )
        async with running(environment, folder, config, token=TOKEN) as engine:
            await engine.comes_to(cloud.ids[0], "failed", timeout_s=60)
            for conversation_id in cloud.ids:
                await listening(engine, conversation_id)
            it.outside = list(seen_from_outside(alive(engine.command.mark)))
            it.refused = await engine.ask("GET", "/metrics", headers={"Authorization": f"Bearer {MARK}"})
            for conversation_id in cloud.ids:
                await engine.comes_to(conversation_id, "ended", "failed", timeout_s=120)
            await engine.settled()
            paths = ("/", "/metrics", "/healthz", "/readyz", "/v1/conversations", "/v1/nowhere")
            it.shown = "\n".join([str(await engine.ask("GET", path)) for path in paths])
            await engine.command.stop()
            it.text = "\n".join([*engine.command.out, *engine.command.err])
            it.logged = engine.command.logged
        yield it


async def listening(engine, conversation_id: str) -> None:
    """Follow until it is heard: a refused login is not tried again for a second."""
    async with asyncio.timeout(60):
        while True:
            await engine.follow(conversation_id)
            info = await engine.comes_to(conversation_id, "listening", "reconnecting", "ended", "failed", timeout_s=60)
            if info["state"] != "failed":
                return
            await asyncio.sleep(0.1)


def seen_from_outside(processes: list[psutil.Process]):
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield process.cmdline(), process.environ()


async def test_all_of_it_happened(run):
    """Else the silence would prove nothing."""
    lines = [orjson.loads(line) for line in (run.folder / "var/deep/lines.jsonl").read_bytes().splitlines()]
    assert any("transfer me" in line["data"]["text"] for line in lines)
    assert len(run.hook.received) >= 2
    assert len(run.broken.received) >= 2
    assert run.logged("intent callable failed", entry_point="own_hooks:meant")
    for sink, fault in (("raises", "RuntimeError"), ("later", "KeyError"), ("leaves", "SystemExit"), ("broken", "500")):
        faults = [line["fault"] for line in run.logged("Command was not delivered", sink=sink)]
        assert faults, sink
        assert any(fault in each for each in faults), faults
    assert run.logged("Phrase spotted")
    assert run.logged("conversation left", reason="unauthorized")
    assert run.refused[0] == 401
    assert 'cueline_messages_ignored_total{reason="' in run.shown


async def test_no_word_that_was_said_is_told(run):
    for words in SAID:
        assert words not in run.text.lower()
    assert "heard:" not in run.text


async def test_no_audio_and_no_data_is_told(run):
    assert re.findall(r"[A-Za-z0-9+/]{80,}", run.text) == []
    assert "not-base64" not in run.text
    assert "weather" not in run.text


async def test_no_secret_is_told(run):
    for secret in (MARK, run.client_secret, "Bearer", "whsec_", "webhook-signature"):
        assert secret not in run.text
        assert secret == "Bearer" or secret not in run.shown


async def test_no_trace_with_a_text_is_told(run):
    assert "Traceback" not in run.text
    assert "Error: " not in run.text.replace("SinkError: ", "").replace("PlatformError: ", "")


async def test_what_other_users_see_of_its_processes_holds_no_secret(run):
    assert len(run.outside) >= 4
    for words, environment in run.outside:
        assert not any(secret in " ".join(words) for secret in (MARK, run.client_secret))
        if "run" not in words:
            assert not any(secret in str(environment) for secret in (MARK, run.client_secret)), words
            assert not any(name.startswith(("GENESYS_", "CUELINE_")) for name in environment), words


async def test_what_it_writes_is_its_owners_alone(run):
    state = run.folder / "var"
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (state, *state.rglob("*"))}
    assert len(modes) >= 3
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
