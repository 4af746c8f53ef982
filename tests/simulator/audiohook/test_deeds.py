"""What a running call's client is made to do over the control API."""

import aiohttp
import pytest

from engine.simulator.audiohook import AudioHookCalls, HookOptions, calls_of_wavs
from engine.simulator.audiohook.control import DEEDS
from engine.simulator.options import conversation_id
from tests.support.audiohook_server import LoopbackServer, serving
from tests.support.simulated import noise_wav
from tests.support.waiting import until

NUMBER = 7
SECOND_BYTES = 16_000  # two channels of µ-law
MESSAGE_BYTES = 1600


@pytest.fixture
def server():
    return LoopbackServer()


@pytest.fixture
async def calls(tmp_path, server):
    """One call that has gone on for half a minute already."""
    noise_wav(tmp_path / "a.wav", 90_000, channels=2)
    fixed = {"port": 0, "backoff_s": 0.01, "backlog_s": 30, "first_ping_s": 0.1}
    played = calls_of_wavs([tmp_path / "a.wav"], 1, first=NUMBER)
    async with serving(server) as url, AudioHookCalls(HookOptions(url=url, calls=played, **fixed)) as running:
        await until(lambda: server.sessions and len(server.sessions[0].audio) > 30 * SECOND_BYTES)
        yield running


async def do(calls, deed, seconds="1", status=204):
    async with (
        aiohttp.ClientSession(calls.url) as http,
        http.post(f"/simulator/calls/{conversation_id(NUMBER)}/{deed}?seconds={seconds}") as response,
    ):
        assert response.status == status
        return await response.text()


def seconds_of(duration):
    return float(duration[2:-1])


async def test_who_comes_back_brings_its_last_twenty_seconds_again(calls, server):
    [one] = server.sessions
    await do(calls, "return")
    await until(lambda: len(server.sessions) == 2 and len(server.sessions[1].audio) >= 20 * SECOND_BYTES)
    two = server.sessions[1]
    [last] = two.messages[0]["parameters"]["continuedSessions"]
    assert last["id"] == one.headers["Audiohook-Session-Id"]
    begin_s = seconds_of(two.messages[0]["position"])
    here = round(begin_s * SECOND_BYTES)
    again = min(len(one.audio) - here, len(two.audio))
    assert again > 19 * SECOND_BYTES
    assert bytes(two.audio[:again]) == bytes(one.audio[here : here + again])
    await do(calls, "drop")
    await until(lambda: len(server.sessions) == 3 and server.sessions[2].messages)
    assert "continuedSessions" not in server.sessions[2].messages[0]["parameters"]


async def test_what_is_held_back_comes_at_once_and_pings_go_on(calls, server):
    [session] = server.sessions
    await do(calls, "hold", "0.6")
    had, pings = len(session.audio), len(session.of("ping"))
    messages = len(session.sizes)
    await until(lambda: len(session.audio) > had + MESSAGE_BYTES)
    assert max(session.sizes[messages:]) >= 4 * MESSAGE_BYTES
    assert len(session.of("ping")) >= pings
    assert [each for each in session.types() if each not in ("open", "ping")] == []


async def test_who_stands_still_goes_on_where_it_was(calls, server):
    [session] = server.sessions
    await until(lambda: session.of("ping"))
    await do(calls, "freeze", "0.3")
    had = len(session.audio)
    await until(lambda: len(session.audio) > had + SECOND_BYTES)
    assert len(server.sessions) == 1
    assert calls.summary()["server_faults"] == {}
    assert [each for each in session.types() if each not in ("open", "ping")] == []


@pytest.mark.parametrize(("deed", "says"), [("pause", ["paused", "resumed"]), ("discard", ["discarded"])])
async def test_what_is_left_out_is_told(calls, server, deed, says):
    [session] = server.sessions
    await do(calls, deed, "0.5")
    await until(lambda: session.of(says[-1]))
    assert [each for each in session.types() if each not in ("open", "ping")] == says
    [told] = session.of(says[-1])
    assert seconds_of(told["parameters"]["discarded"]) == pytest.approx(0.5, abs=0.11)
    await until(lambda: len(calls.reports[0].sent) == 2)
    one, two = calls.reports[0].sent
    assert two.from_ms - one.to_ms == pytest.approx(1000 * seconds_of(told["parameters"]["discarded"]))


async def test_what_it_can_not_do_is_said(calls):
    for seconds in ("0", "-1", "61", "nan", "soon"):
        assert "above 0" in await do(calls, "pause", seconds, status=400)
    said = await do(calls, "explode", status=404)
    assert all(deed in said for deed in DEEDS)


class Full(LoopbackServer):
    """Takes nobody."""

    async def on(self, session, message):
        if message["type"] == "open":
            await session.say("disconnect", {"reason": "error"})
        else:
            await super().on(session, message)


async def test_how_long_a_refusal_took_is_known(tmp_path):
    noise_wav(tmp_path / "a.wav", 1000)
    played = calls_of_wavs([tmp_path / "a.wav"], 1)
    async with serving(Full()) as url:
        async with AudioHookCalls(HookOptions(url=url, calls=played, attempts=2, backoff_s=0.01)) as running:
            await running.wait()
        summary = running.summary()
    assert (summary["refused"], summary["given_up"]) == ({"disconnect_error": 2}, 1)
    assert summary["refused_ms"]["count"] == 2
    assert 0 < summary["refused_ms"]["max"] < 5000
