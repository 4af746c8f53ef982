import asyncio

import aiohttp
import pytest

import engine.simulator.audiohook.calls as calls_module
from engine.errors import ConfigError
from engine.simulator.audiohook import AudioHookCalls, HookOptions, calls_of_wavs
from engine.simulator.options import conversation_id
from tests.support.audiohook_server import LoopbackServer, serving
from tests.support.simulated import noise_wav
from tests.support.waiting import until

FIRST, SECOND = conversation_id(0), conversation_id(1)


@pytest.fixture
def server():
    return LoopbackServer()


@pytest.fixture
async def calls(tmp_path, server):
    noise_wav(tmp_path / "a.wav", 60_000)
    played = calls_of_wavs([tmp_path / "a.wav"], 2)
    fixed = {"calls": played, "port": 0, "backoff_s": 0.01}
    async with serving(server) as url, AudioHookCalls(HookOptions(url=url, **fixed)) as running:
        await until(lambda: len(server.sessions) == 2 and all(session.audio for session in server.sessions))
        yield running


@pytest.fixture
async def http(calls):
    async with aiohttp.ClientSession(calls.url) as session:
        yield session


async def read(http, path):
    async with http.get(path) as response:
        assert response.status == 200
        return await response.json()


async def test_calls_are_shown_as_the_main_simulator_shows_them(http):
    first, second = await read(http, "/simulator/calls")
    assert (first["conversation_id"], second["conversation_id"]) == (FIRST, SECOND)
    assert (first["file"], first["state"], first["subscribers"], first["loops"]) == ("a.wav", "live", 1, 1)
    assert first["started_at_ns"] > 0
    assert first["duration_ms"] == 60_000
    assert first["channels"] == ["external", "internal"]


async def test_load_and_summary_are_shown(http):
    assert (await read(http, "/simulator/load"))["late_ms"] >= 0
    assert (await read(http, "/simulator/summary"))["opened"] == 2


async def test_calls_are_ended_and_dropped(http, calls, server):
    async with http.post(f"/simulator/calls/{FIRST}/end") as response:
        assert response.status == 204
    async with http.post(f"/simulator/calls/{SECOND}/drop") as response:
        assert response.status == 204
    async with http.post("/simulator/calls/nowhere/end") as response:
        assert response.status == 404
    await until(lambda: calls.by_id[FIRST].state == "ended" and len(server.sessions) == 3)
    assert not calls.over


async def test_faults_are_committed_beside_the_calls(http, calls, server):
    async with http.post("/simulator/faults", json={"name": "odd_stereo", "count": 2}) as response:
        assert response.status == 204
    await until(lambda: len(calls.outcomes) == 2)
    one, _two = await read(http, "/simulator/faults")
    assert (one["name"], one["ended"], one["as_expected"]) == ("odd_stereo", "disconnect", True)
    assert calls.summary()["ok"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"name":"nothing"}', b'{"name":"odd_stereo","count":"x"}'])
async def test_wrong_faults_are_refused_with_a_reason(http, body):
    async with http.post("/simulator/faults", data=body) as response:
        assert response.status == 400
        assert (await response.json())["message"]


async def test_a_taken_port_is_said(calls):
    port = int(calls.url.rpartition(":")[2])
    with pytest.raises(ConfigError, match="can't listen there"):
        await AudioHookCalls(HookOptions(url="ws://x/", port=port)).__aenter__()


async def test_further_calls_play_the_repertoire_in_turn(tmp_path, server):
    for name in "ab":
        noise_wav(tmp_path / f"{name}.wav", 100)
    repertoire = calls_of_wavs([tmp_path / "a.wav", tmp_path / "b.wav"], 2)
    async with (
        serving(server) as url,
        AudioHookCalls(HookOptions(url=url, repertoire=repertoire, first_call=7, port=0, backoff_s=0.01)) as calls,
    ):
        assert await asyncio.wait_for(calls.wait(), 60) is None, "nothing to play yet"
        async with aiohttp.ClientSession(calls.url) as http:
            placed = []
            for _ in range(3):
                async with http.post("/simulator/calls") as response:
                    assert response.status == 201
                    placed.append(await response.json())
        assert [each["file"] for each in placed] == ["a.wav", "b.wav", "a.wav"]
        assert [each["conversation_id"] for each in placed] == [conversation_id(number) for number in (7, 8, 9)]
        assert not calls.over
        await asyncio.wait_for(calls.wait(), 60)
        assert calls.over
        assert {call.state for call in calls.calls} == {"ended"}
    assert len(server.sessions) == 3
    summary = calls.summary()
    assert (summary["calls"], summary["opened"], summary["ok"]) == (3, 3, True)
    with pytest.raises(ConfigError, match="about to end"):
        calls.place()


async def test_calls_that_were_placed_end_with_the_rest(tmp_path, server):
    noise_wav(tmp_path / "a.wav", 60_000)
    repertoire = calls_of_wavs([tmp_path / "a.wav"], 1)
    async with serving(server) as url, AudioHookCalls(HookOptions(url=url, repertoire=repertoire)) as calls:
        calls.place()
        await until(lambda: server.sessions and server.sessions[0].audio)
    assert server.sessions[0].types()[-1] == "close"


async def test_without_a_repertoire_no_call_is_placed(http):
    async with http.post("/simulator/calls") as response:
        assert response.status == 409


async def test_of_calls_that_have_ended_the_latest_are_shown(tmp_path, server, monkeypatch):
    monkeypatch.setattr(calls_module, "ENDED_KEPT", 2)
    noise_wav(tmp_path / "a.wav", 20)
    repertoire = calls_of_wavs([tmp_path / "a.wav"], 1)
    async with serving(server) as url, AudioHookCalls(HookOptions(url=url, repertoire=repertoire)) as calls:
        for _ in range(4):
            calls.place()
            await asyncio.wait_for(calls.wait(), 60)
        calls.place()
        assert [*calls.by_id] == [conversation_id(number) for number in (2, 3, 4)]
