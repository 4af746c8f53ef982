import asyncio
import socket

import pytest

from engine.errors import AudioFileError, ConfigError
from engine.simulator.options import DeliveryOptions, conversation_id
from engine.simulator.server import Simulator
from tests.support.simulated import FIRST, heard_of, noise_wav, options, platform
from tests.support.waiting import until


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 200)
    return tmp_path / "a.wav"


async def test_the_environment_points_at_it(wav):
    async with Simulator(options(wav, calls=2)) as simulator:
        environment = simulator.environment()
        port = int(simulator.url.rpartition(":")[2])
    assert port > 0
    assert environment == {
        "GENESYS_CLIENT_ID": "cueline-simulator",
        "GENESYS_CLIENT_SECRET": "not-a-secret",
        "GENESYS_LOGIN_URL": f"http://127.0.0.1:{port}",
        "GENESYS_API_URL": f"http://127.0.0.1:{port}",
        "GENESYS_REALTIME_URL": f"ws://127.0.0.1:{port}/api/v2/interactions/realtime",
        "GENESYS_CONVERSATION_ID": f"{conversation_id(0)},{conversation_id(1)}",
    }


def test_an_ipv6_address_is_put_in_brackets(wav):
    assert Simulator(options(wav, host="::1", port=1)).url == "http://[::1]:1"


async def test_a_taken_port_is_named(wav):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: can't listen there"):
            async with Simulator(options(wav, port=port)):
                pass


async def test_a_bad_recording_stops_the_start(tmp_path):
    with pytest.raises(AudioFileError):
        async with Simulator(options(tmp_path / "none.wav")):
            pass


async def test_nothing_is_left_after_the_end(wav):
    before = asyncio.all_tasks()
    async with Simulator(options(wav)) as simulator:
        await heard_of(simulator)
        host, _, port = simulator.url.removeprefix("http://").rpartition(":")
    assert asyncio.all_tasks() == before
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(host, int(port))


async def test_the_end_does_not_wait_for_stalled_requests(wav):
    async with asyncio.timeout(10), Simulator(options(wav, stall_s=60)) as simulator, platform(simulator) as api:
        simulator.arm("api_stall")
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(api("GET", f"/conversations/{FIRST}"))
            await until(lambda: any(each.fault for each in simulator.requests))
            await simulator.close()
        assert asking.result().status == 504


async def test_calls_can_start_with_the_simulator(wav):
    delivery = DeliveryOptions(speed=20.0, start_on="open")
    async with Simulator(options(wav, delivery=delivery)) as simulator:
        await until(lambda: simulator.calls[0].state == "ended")
        assert simulator.calls[0].position_ms == 200


async def test_unknown_faults_and_calls_are_errors(wav):
    async with Simulator(options(wav)) as simulator:
        with pytest.raises(ConfigError):
            simulator.arm("nothing")
        with pytest.raises(KeyError):
            await simulator.end_call("nowhere")
        assert simulator.faults == ()
