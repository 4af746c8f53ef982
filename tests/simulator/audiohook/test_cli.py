import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from engine.simulator.audiohook import FAULTS
from tests.support.audiohook_server import LoopbackServer, serving
from tests.support.simulated import noise_wav
from tests.support.waiting import until

ROOT = Path(__file__).parents[3]


async def started(*words, **env):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "engine", "simulate", "audiohook", *map(str, words),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"} | env,
    )  # fmt: skip


async def done(*words, **env):
    """Exit code, what was printed, what was complained of."""
    async with asyncio.timeout(90):
        process = await started(*words, **env)
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 400, channels=2)
    return tmp_path / "a.wav"


async def test_calls_are_played_and_summed_up(wav):
    server = LoopbackServer()
    async with serving(server) as url:
        code, out, err = await done(
            "--url", url, "--wav", wav, "--calls", 3, "--json", "--pause", "0.1:0.1", CUELINE_AUDIOHOOK_API_KEY="key-1"
        )
    ready, summary = map(json.loads, out.splitlines())
    assert (code, err) == (0, "")
    assert (ready["event"], ready["url"], len(ready["calls"])) == ("ready", None, 3)
    assert (summary["event"], summary["ok"], summary["opened"], summary["audio_s"]) == ("summary", True, 3, 0.9)
    assert {session.headers["X-API-KEY"] for session in server.sessions} == {"key-1"}
    assert "paused" in server.sessions[0].types()


async def test_people_read_the_same_in_words(wav):
    async with serving(LoopbackServer()) as url:
        code, out, _ = await done("--url", url, "--wav", wav, "--calls", 11, "--fault", "odd_stereo", "--speed", 4)
    assert code == 0
    assert "11 AudioHook calls" in out
    assert "and 1 more" in out
    assert "odd_stereo: disconnect, as expected" in out


async def test_a_lost_call_makes_it_end_with_1(wav):
    server = LoopbackServer()
    server.status = 401
    async with serving(server) as url:
        code, out, _ = await done("--url", url, "--wav", wav)
    assert code == 1
    assert "upgrade_401 1" in out
    assert "             ok  False" in out


async def test_what_keeps_it_from_connecting_is_said_once_and_ends_with_1(wav, unused_tcp_port):
    url = f"ws://127.0.0.1:{unused_tcp_port}/?key=hidden"
    code, out, err = await done("--url", url, "--wav", wav, "--calls", 2, "--for-s", 4, "--json")
    assert (code, json.loads(out.splitlines()[1])["ok"]) == (1, False)
    assert err == "cueline simulate audiohook: no_connection: can't connect: Connection refused\n"


async def test_one_probe_is_made_and_nothing_is_said_to_be_played():
    server = LoopbackServer()
    async with serving(server) as url:
        code, out, _ = await done("--url", url, "--probe", "--json")
    [call] = json.loads(out.splitlines()[0])["calls"]
    assert (code, len(server.sessions), call["said"], call["file"]) == (0, 1, [], "silence")


@pytest.mark.parametrize(("product", "offered"), [("connector", 1), ("monitor", 3)])
async def test_channels_follow_the_product(wav, product, offered):
    server = LoopbackServer()
    async with serving(server) as url:
        code, _, _ = await done("--url", url, "--wav", wav, "--product", product)
    assert code == 0
    assert len(server.sessions[0].messages[0]["parameters"]["media"]) == offered


async def test_faults_are_listed_with_what_they_do():
    code, out, err = await done("--fault", "list")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.splitlines() if line.strip()]
    assert ["clock_behind", "signed a minute ago by its clock"] in [
        [name, *map(str.rstrip, rest)] for name, *rest in lines
    ]
    assert set(FAULTS) <= {line[0] for line in lines}


async def test_the_help_is_short_about_faults_and_says_how_many_calls():
    code, out, _ = await done("--help")
    text = " ".join(out.replace("│", " ").split())
    assert code == 0
    assert "clock_behind" not in text
    assert "--fault list says which there are" in text
    assert "number of pairs of recordings" in text


async def test_a_fault_answered_wrongly_makes_it_end_with_1(wav):
    async with serving(LoopbackServer()) as url:
        code, out, _ = await done("--url", url, "--calls", 0, "--fault", "unknown_key")
    assert code == 1
    assert "unknown_key: closed, NOT as expected (refused)" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_calls_in_order_and_control_answers_until_then(wav, number):
    server = LoopbackServer()
    async with asyncio.timeout(90), serving(server) as url:
        process = await started("--url", url, "--wav", wav, "--json", "--stay", "--port", 0)
        ready = json.loads(await process.stdout.readline())
        await until(lambda: server.sessions and server.sessions[0].over, 60)
        async with aiohttp.ClientSession() as http, http.get(f"{ready['url']}/simulator/calls") as response:
            assert [call["file"] for call in await response.json()] == ["a.wav"]
        process.send_signal(number)
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert json.loads(out)["ended"] == {"end": 1}


async def test_time_is_up(wav):
    server = LoopbackServer()
    async with serving(server) as url:
        code, _, _ = await done("--url", url, "--wav", wav, "--loop", "--for-s", 3)
    assert code == 0
    assert server.sessions[0].messages[-1]["parameters"] == {"reason": "end"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--url", "http://x/"], "url: must be an address that begins with ws:// or wss://"),
        (["--api-key", "a b"], "api_key: must be of the characters"),
        (["--client-secret", "x"], "client_secret: must be base64"),
        (["--organization-id", "x"], "organization_id: must be an id of 8-4-4-4-12 hexadecimal digits"),
        (["--wav", "/nowhere/a.wav"], "can't be read as WAV"),
        (["--speech", "/nowhere"], "manifest.json: can't be read"),
        (["--fault", "nothing"], "no such fault"),
        (["--fault", "seq_gap:0"], "a count from 1 to 10000"),
        (["--fault", "wrong_secret"], "needs a client secret"),
        (["--pause", "3"], "AT:FOR"),
        (["--discard", "3:0"], "AT:FOR"),
        (["--speed", "0"], "speed: must be greater than 0"),
        (["--product", "connector", "--channels", "2"], "audiohook: the Audio Connector has one channel, external"),
        (["--ca", "/nowhere.pem", "--url", "wss://127.0.0.1:1/"], "can't be used"),
    ],
)
async def test_wrong_options_are_said_in_one_line(words, says):
    code, out, err = await done("--url", "ws://127.0.0.1:1/", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1
