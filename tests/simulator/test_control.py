import aiohttp
import pytest

from engine.simulator.cloud import ENDED_KEPT, Cloud
from engine.simulator.options import conversation_id
from engine.simulator.server import Simulator
from tests.support.simulated import FIRST, heard_of, login, noise_wav, options, platform, subscribed


@pytest.fixture
async def simulator(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    async with Simulator(options(tmp_path / "a.wav", calls=2)) as running:
        yield running


@pytest.fixture
async def http(simulator):
    async with aiohttp.ClientSession(simulator.url) as session:
        yield session


async def read(http, path):
    async with http.get(path) as response:
        assert response.status == 200
        return await response.json()


async def test_calls_are_shown_with_their_clock(simulator, http):
    assert [each["state"] for each in await read(http, "/simulator/calls")] == ["waiting", "waiting"]
    async with subscribed(simulator) as socket:
        await socket.one()
        first, second = await read(http, "/simulator/calls")
    assert (first["conversation_id"], first["file"], first["state"]) == (FIRST, "a.wav", "live")
    assert first["subscribers"] == 1
    assert first["position_ms"] >= 20
    assert first["started_at_ns"] > 0
    assert first["duration_ms"] == 60_000
    assert second["state"] == "waiting"


async def test_requests_and_actions_are_shown_and_looking_is_not_noted(simulator, http):
    await login(simulator)
    async with platform(simulator) as api:
        await api("POST", f"/conversations/{FIRST}/disconnect")
    requests = await read(http, "/simulator/requests")
    assert [each["path"] for each in requests] == ["/oauth/token"] * 2 + [f"/api/v2/conversations/{FIRST}/disconnect"]
    assert requests[0]["at_ns"] <= requests[1]["at_ns"]
    assert [each["kind"] for each in await read(http, "/simulator/actions")] == ["disconnect"]


async def test_faults_are_armed_and_shown(simulator, http):
    fault = {"name": "api_500", "count": 2, "conversation_id": FIRST, "after_ms": 0}
    async with http.post("/simulator/faults", json=fault) as response:
        assert response.status == 204
    async with platform(simulator) as api:
        assert (await api("GET", f"/conversations/{FIRST}")).status == 500
    [shown] = await read(http, "/simulator/faults")
    assert (shown["name"], shown["count"], shown["left"]) == ("api_500", 2, 1)
    assert shown["says"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"name":"nothing"}', b'{"name":"api_500","count":0}', b'{"count":1}']
)
async def test_wrong_faults_are_refused_with_a_reason(http, body):
    async with http.post("/simulator/faults", data=body) as response:
        assert response.status == 400
        assert (await response.json())["message"]
    assert await read(http, "/simulator/faults") == []


async def test_a_call_is_ended_over_http(simulator, http):
    async with http.post(f"/simulator/calls/{FIRST}/end") as response:
        assert response.status == 204
    async with http.post("/simulator/calls/nowhere/end") as response:
        assert response.status == 404
    assert [call.state for call in simulator.calls] == ["ended", "waiting"]


async def test_further_calls_play_the_repertoire_in_turn(tmp_path):
    for name in "ab":
        noise_wav(tmp_path / f"{name}.wav", 100)
    repertoire = options(tmp_path / "a.wav").calls + options(tmp_path / "b.wav").calls
    fixed = options(tmp_path / "a.wav").model_copy(update={"repertoire": repertoire, "stagger_ms": 60_000})
    async with Simulator(fixed) as running, aiohttp.ClientSession(running.url) as http:
        placed = []
        for _ in range(3):
            async with http.post("/simulator/calls") as response:
                assert response.status == 201
                placed.append(await response.json())
        assert [(each["file"], each["state"]) for each in placed] == [
            ("a.wav", "waiting"),
            ("b.wav", "waiting"),
            ("a.wav", "waiting"),
        ]
        assert [each["conversation_id"] for each in placed] == [conversation_id(number) for number in (1, 2, 3)]
        assert len(await read(http, "/simulator/calls")) == 4
        heard = await heard_of(running, conversation_id(2))  # begins at once: what is placed is not staggered
        assert len(heard.audio) == 1600
        assert running.calls[2].state == "ended"


async def test_without_a_repertoire_no_call_is_placed(simulator, http):
    async with http.post("/simulator/calls") as response:
        assert response.status == 409
        assert "repertoire" in (await response.json())["message"]
    assert len(simulator.calls) == 2


async def test_of_calls_that_have_ended_the_latest_are_shown(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    fixed = options(tmp_path / "a.wav").model_copy(update={"repertoire": options(tmp_path / "a.wav").calls})
    cloud = Cloud(fixed)
    for _ in range(ENDED_KEPT + 5):
        await cloud.place().end("over")
    last = cloud.place()
    assert len(cloud.calls) == ENDED_KEPT + 2  # the first one still waits
    assert [*cloud.calls][:2] == [FIRST, conversation_id(6)]
    assert [*cloud.calls.values()][-1] is last
