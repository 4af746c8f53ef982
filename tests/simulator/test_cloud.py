import asyncio

import pytest

from engine.errors import AudioFileError, ConfigError
from engine.simulator.clock import clock_ms
from engine.simulator.cloud import Cloud
from engine.simulator.options import CallOptions, DeliveryOptions, FaultOptions
from engine.simulator.refusals import RefusalError
from tests.support.simulated import noise_wav, options


@pytest.fixture
def wav(tmp_path):
    noise_wav(tmp_path / "a.wav", 100)
    return tmp_path / "a.wav"


async def test_bad_recordings_and_faults_are_found_at_once(wav, tmp_path):
    with pytest.raises(AudioFileError):
        Cloud(options(tmp_path / "none.wav"))
    with pytest.raises(ConfigError):
        Cloud(options(wav, faults=[FaultOptions(name="nothing")]))


async def test_calls_may_be_unknown_hidden_or_over(wav):
    calls = (
        CallOptions(conversation_id="open", wav=wav),
        CallOptions(conversation_id="hidden", wav=wav, visible=False),
        CallOptions(conversation_id="over", wav=wav, ended=True),
    )
    cloud = Cloud(options(wav, calls=1).model_copy(update={"calls": calls}))
    assert cloud.visible_call("open").conversation.live
    assert not cloud.visible_call("over").conversation.live
    for name, status in (("hidden", 403), ("nowhere", 404)):
        with pytest.raises(RefusalError) as refused:
            cloud.visible_call(name)
        assert refused.value.status == status


async def test_calls_start_one_after_the_other_when_staggered(wav):
    cloud = Cloud(options(wav, calls=3, stagger_ms=50, delivery=DeliveryOptions(start_on="open")))
    cloud.open()
    starts = [call.playback.started_ns for call in cloud.calls.values()]
    assert [round((at - starts[0]) / 1e6, -1) for at in starts] == [0, 50, 100]


async def test_calls_wait_for_their_subscription_and_start_once(wav):
    cloud = Cloud(options(wav))
    cloud.open()
    call = cloud.calls[next(iter(cloud.calls))]
    assert call.state == "waiting"
    cloud.start(call)
    started = call.playback.started_ns
    cloud.start(call)
    assert call.playback.started_ns == started


async def test_an_ended_call_does_not_start(wav):
    cloud = Cloud(options(wav, delivery=DeliveryOptions(start_on="open")))
    call = cloud.calls[next(iter(cloud.calls))]
    await call.end("over")
    cloud.open()
    assert call.playback.started_ns is None


async def test_expired_token_makes_every_token_invalid_before_the_next_request(wav):
    cloud = Cloud(options(wav))
    token = cloud.tokens.issue(clock_ms())
    cloud.arm(FaultOptions(name="expired_token"))
    assert cloud.strike("api") is None
    assert not cloud.tokens.valid(token, clock_ms())
    assert cloud.tokens.valid(cloud.tokens.issue(clock_ms()), clock_ms())


async def test_stalls_are_cut_short_by_the_end(wav):
    cloud = Cloud(options(wav, stall_s=60))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(cloud.stall())
        cloud.closing.set()
