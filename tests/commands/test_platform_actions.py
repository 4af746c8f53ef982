from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.platform_actions import Attributes, Disconnect, Transfer, fill
from engine.errors import PlatformError, SinkError
from engine.genesys.platform_messages import TransferTarget
from engine.options import AttributesSink, DisconnectSink, TransferSink
from tests.support.commands import BASE, FakePlatform, attempted

BUSY = PlatformError("busy", status=429, retry_after_s=0.25, happened="no")
UNREACHED = PlatformError("unreached", status=0, happened="no")
DROPPED = PlatformError("dropped", status=0, happened="unknown")
BROKEN = PlatformError("broken", status=500, happened="unknown")
GONE = PlatformError("gone", status=404, happened="no")


def transfer(platform: FakePlatform, **settings) -> Transfer:
    return Transfer(TransferSink(name="act", queue_id="queue-7", **settings), platform)


def disconnect(platform: FakePlatform, **settings) -> Disconnect:
    return Disconnect(DisconnectSink(name="act", participant="agent", **settings), platform)


def attributes(platform: FakePlatform, **settings) -> Attributes:
    return Attributes(AttributesSink(name="act", attributes={"heard": "{phrase}"}, **settings), platform)


@pytest.mark.parametrize(
    ("settings", "target"),
    [
        ({"queue_id": "queue-7"}, TransferTarget("queue", "queue-7")),
        ({"user_id": "user-7"}, TransferTarget("user", "user-7")),
        ({"address": "+4930123456"}, TransferTarget("address", "+4930123456")),
    ],
)
async def test_a_transfer_goes_to_its_target(settings, target):
    platform = FakePlatform()
    await Transfer(TransferSink(name="act", **settings), platform).deliver(BASE)
    assert platform.calls == [("transfer", "conv-1", target)]


async def test_a_disconnect_names_its_participant():
    platform = FakePlatform()
    await disconnect(platform).deliver(BASE)
    assert platform.calls == [("disconnect", "conv-1", "agent")]


async def test_attributes_are_filled_in():
    platform = FakePlatform()
    options = AttributesSink(name="act", attributes={"heard": "{phrase} by {rule}", "at": "{spotted_at}", "x": "plain"})
    await Attributes(options, platform).deliver(BASE)
    filled = {"heard": "transfer me by transfer", "at": "2026-01-02T03:04:05.678Z", "x": "plain"}
    assert platform.calls == [("attributes", "conv-1", "customer", filled)]


@pytest.mark.parametrize("make", [transfer, disconnect])
@pytest.mark.parametrize(("fault", "happened"), [(DROPPED, "unknown"), (BROKEN, "unknown"), (GONE, "no")])
async def test_an_effect_that_may_have_been_had_or_was_refused_is_not_tried_again(make, fault, happened):
    platform = FakePlatform(fault)
    with pytest.raises(SinkError, match=f"sink act: {fault}") as caught:
        await attempted(make(platform), BASE)
    assert (len(platform.calls), caught.value.happened) == (1, happened)


@pytest.mark.parametrize("make", [transfer, disconnect])
@pytest.mark.parametrize("fault", [BUSY, UNREACHED])
async def test_an_effect_that_was_proved_not_to_be_had_is_tried_again(make, fault):
    platform = FakePlatform(fault)
    await attempted(make(platform), BASE)
    assert len(platform.calls) == 2


@pytest.mark.parametrize("make", [transfer, disconnect])
async def test_an_effect_without_an_answer_is_unknown_and_not_tried_again(make):
    platform = FakePlatform(hangs=True)
    with pytest.raises(SinkError, match="no answer in time") as caught:
        await attempted(make(platform, timeout_s=0.05), BASE)
    assert (len(platform.calls), caught.value.happened) == (1, "unknown")


async def test_a_platform_that_asks_for_more_than_the_deadline_is_left():
    platform = FakePlatform(PlatformError("busy", status=429, retry_after_s=61, happened="no"))
    with pytest.raises(SinkError, match="busy") as caught:
        await attempted(transfer(platform), BASE)
    assert (len(platform.calls), caught.value.happened) == (1, "no")


@pytest.mark.parametrize("fault", [BUSY, UNREACHED, DROPPED, BROKEN])
async def test_attributes_may_be_set_twice(fault):
    platform = FakePlatform(fault)
    await attempted(attributes(platform), BASE)
    assert len(platform.calls) == 2


async def test_refused_attributes_are_not_tried_again():
    platform = FakePlatform(GONE)
    with pytest.raises(SinkError, match="gone"):
        await attempted(attributes(platform), BASE)
    assert len(platform.calls) == 1


@pytest.mark.parametrize(
    "text", ["{rule.__class__}", "{0}", "{}", "{text}", "{phrase!r}", "{{", "}", "{conversation_id}"]
)
def test_other_braces_stay_as_they_are(text):
    assert fill(text, BASE) == text


@given(st.text("{}phraseul_", max_size=30))
def test_what_is_filled_in_is_not_filled_in_again(phrase):
    assert fill("<{phrase}>", replace(BASE, phrase=phrase)) == f"<{phrase}>"
