import asyncio

import pytest

from engine.simulator import subscription
from engine.simulator.options import DeliveryOptions
from engine.simulator.server import Simulator
from tests.support.simulated import FAST, FIRST, heard_of, noise_wav, options, subscribed
from tests.support.waiting import until

MS_400 = 20  # messages in 400 ms


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 400)
    return tmp_path / "a.wav"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fragment": 1, "speed": 5.0},
        {"fragment": 319},
        {"fragment": 321},
        {"fragment": 10_000},
        {"fragment": "odd"},
        {"fragment": "random", "seed": 3},
        {"jitter_ms": 80},
        {"burst": 7},
        {"fragment": "random", "jitter_ms": 40, "burst": 3},
        {"loops": 3, "fragment": 321},
        {"binary": True},
    ],
    ids=str,
)
async def test_however_it_travels_the_audio_is_the_recordings(tmp_path, changes):
    pcm = noise_wav(tmp_path / "a.wav", 400, spare=33)
    delivery = FAST.model_copy(update=changes)
    async with Simulator(options(tmp_path / "a.wav", delivery=delivery)) as simulator:
        heard = await heard_of(simulator)
    assert bytes(heard.audio) == pcm * (delivery.loops or 1)
    assert heard.code == 1000
    assert heard.broken == []
    if changes.get("binary"):
        assert heard.kinds == {bytes}
    if isinstance(delivery.fragment, int) and delivery.loops == 1:
        assert set(heard.sizes[:-1]) <= {delivery.fragment}


async def test_audio_takes_its_time(wav):
    async with Simulator(options(wav, delivery=DeliveryOptions(speed=2.0))) as simulator:
        began = asyncio.get_running_loop().time()
        heard = await heard_of(simulator)
        took_s = asyncio.get_running_loop().time() - began
    assert len(heard.sizes) == MS_400
    assert 0.2 <= took_s < 2


async def test_who_comes_later_joins_at_the_live_point(tmp_path):
    pcm = noise_wav(tmp_path / "a.wav", 4000)
    async with Simulator(options(tmp_path / "a.wav", delivery=DeliveryOptions(speed=8.0))) as simulator:
        async with subscribed(simulator) as first:
            await first.one()
        await until(lambda: simulator.calls[0].subscribers == 0 and simulator.calls[0].position_ms > 1000)
        heard = await heard_of(simulator)
    assert pcm.endswith(bytes(heard.audio))
    assert 0 < len(heard.audio) < len(pcm) - 16 * 500  # a late tick may still owe some of the first 1000 ms


async def test_two_subscribers_hear_the_same_end(wav):
    async with Simulator(options(wav)) as simulator:
        first, second = await asyncio.gather(heard_of(simulator), heard_of(simulator))
    assert first.audio.endswith(second.audio) or second.audio.endswith(first.audio)
    assert (first.code, second.code) == (1000, 1000)


async def test_a_call_is_ended_on_demand(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    async with Simulator(options(tmp_path / "a.wav")) as simulator:
        async with subscribed(simulator) as socket:
            await socket.one()
            await simulator.end_call(FIRST)
            heard = await socket.hear()
        assert (heard.others[-1]["type"], heard.code, heard.reason) == ("ended", 1000, "disconnected")
        assert simulator.calls[0].state == "ended"
        assert simulator.calls[0].subscribers == 0


async def test_a_connection_can_break_in_mid_call_and_be_made_again(wav):
    async with Simulator(options(wav, delivery=DeliveryOptions(speed=2.0))) as simulator:
        simulator.arm("drop_mid_call", after_ms=100)
        before = await heard_of(simulator)
        after = await heard_of(simulator)
    assert before.code is None  # no close message
    assert before.others == []
    assert len(before.sizes) == 4  # the message at 100 ms is the one that never came
    assert after.code == 1000
    first, second = simulator.calls[0].sent
    assert (first.from_ms, first.to_ms) == (20, 80)
    assert 120 <= second.from_ms <= second.to_ms == 400
    assert 1 <= len(after.sizes) <= MS_400 - 5


async def test_a_socket_can_be_closed_with_1011(wav):
    async with Simulator(options(wav)) as simulator:
        simulator.arm("close_1011", conversation_id=FIRST)
        heard = await heard_of(simulator)
    assert (heard.code, len(heard.sizes)) == (1011, 1)


async def test_a_silent_socket_stays_open_after_the_end_of_the_call(wav):
    async with Simulator(options(wav)) as simulator:
        simulator.arm("silence", count=2, after_ms=200)
        async with subscribed(simulator) as socket:
            await until(lambda: simulator.calls[0].state == "ended")
            await (await socket.connection.ping())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await socket.hear()
        assert len(socket.heard.sizes) == 9
        assert socket.heard.others == []
        assert simulator.faults[0].left == 1  # one socket falls silent once


async def test_a_half_open_socket_answers_no_ping_and_is_gone_some_day(wav, monkeypatch):
    monkeypatch.setattr(subscription, "HALF_OPEN_S", 0.3)
    async with Simulator(options(wav)) as simulator:
        simulator.arm("half_open", after_ms=200)
        async with subscribed(simulator) as socket:
            await until(lambda: simulator.faults[0].left == 0)
            pong = await socket.connection.ping()
            heard = await socket.hear()
            assert not pong.done() or pong.exception()
        assert (heard.code, len(heard.sizes)) == (None, 9)
        assert [each.to_ms for each in simulator.calls[0].sent] == [180]


async def test_a_compressed_frame_that_nobody_agreed_to_is_a_fault_of_protocol(wav):
    async with Simulator(options(wav)) as simulator:
        simulator.arm("compressed_frame")
        async with subscribed(simulator) as socket:
            heard = await socket.hear()
            assert (heard.code, socket.connection.protocol.close_sent.code) == (None, 1002)


async def test_audio_for_somebody_else_comes_between_messages(wav):
    async with Simulator(options(wav)) as simulator:
        simulator.arm("unknown_subscription")
        heard = await heard_of(simulator)
    assert bytes(heard.audio).replace(bytes(320), b"", 1) == noise_wav(wav, 400)


@pytest.mark.parametrize(
    ("fault", "broken", "unknown"),
    [("garbage_json", 3, 0), ("garbage_base64", 3, 0), ("unknown_types", 0, 3), ("binary_garbage", 3, 0)],
)
async def test_rubbish_comes_between_messages_and_costs_no_audio(wav, fault, broken, unknown):
    async with Simulator(options(wav)) as simulator:
        simulator.arm(fault, count=3)
        heard = await heard_of(simulator)
    assert len(heard.broken) == broken
    assert len([each for each in heard.others if each["type"] != "ended"]) == unknown
    assert bytes(heard.audio) == noise_wav(wav, 400)


async def test_odd_bytes_split_messages_and_keep_the_audio(wav):
    async with Simulator(options(wav)) as simulator:
        simulator.arm("odd_bytes", count=5)
        heard = await heard_of(simulator)
    assert bytes(heard.audio) == noise_wav(wav, 400)
    assert len([size for size in heard.sizes if size % 2]) == 10
    assert len(heard.sizes) == MS_400 + 5


async def test_a_fault_hits_the_conversation_it_is_meant_for(wav):
    async with Simulator(options(wav, calls=2)) as simulator:
        second = simulator.calls[1].conversation_id
        simulator.arm("close_1011", conversation_id=second)
        heard = await asyncio.gather(heard_of(simulator), heard_of(simulator, second))
    assert [each.code for each in heard] == [1000, 1011]


async def test_a_peer_that_does_not_read_is_cut_off_and_others_go_on(tmp_path):
    noise_wav(tmp_path / "a.wav", 2000)
    delivery = DeliveryOptions(speed=4000.0, loops=None, fragment=20_000)
    async with Simulator(options(tmp_path / "a.wav", calls=1, delivery=delivery)) as simulator:
        async with subscribed(simulator):
            await until(lambda: simulator.calls[0].subscribers == 0)
        assert simulator.calls[0].state == "live"


async def test_a_hundred_calls_at_once_lose_nothing(tmp_path):
    pcm = noise_wav(tmp_path / "a.wav", 1000)
    async with Simulator(options(tmp_path / "a.wav", calls=100, delivery=DeliveryOptions(speed=1.0))) as simulator:
        heard = await asyncio.gather(*(heard_of(simulator, call.conversation_id) for call in simulator.calls))
    assert {bytes(each.audio) for each in heard} == {pcm}
    assert {each.code for each in heard} == {1000}


async def test_what_a_subscriber_says_later_is_ignored(wav):
    async with Simulator(options(wav)) as simulator, subscribed(simulator) as socket:
        for text in ("{", '{"type":"subscribe"}', "x" * 1000, b"\x00"):
            await socket.connection.send(text)
        heard = await socket.hear()
    assert (len(heard.sizes), heard.code) == (MS_400, 1000)


async def test_a_connection_that_is_gone_ends_its_subscription_and_nothing_else(tmp_path):
    noise_wav(tmp_path / "a.wav", 60_000)
    async with Simulator(options(tmp_path / "a.wav", delivery=DeliveryOptions(speed=1.0))) as simulator:
        async with subscribed(simulator):
            [gone] = simulator._cloud.calls[FIRST].listeners
            async with subscribed(simulator) as other:
                gone._transport.close()
                await gone.deliver(b"{}", 0.0)
                await gone.end("too late")
                await until(lambda: simulator.calls[0].subscribers == 1)
                await other.one()
        assert simulator.calls[0].state == "live"
