from pathlib import Path

import pytest

from engine.simulator.call import Call
from engine.simulator.conversation import Conversation
from engine.simulator.delivery import Track
from engine.simulator.options import CallOptions, DeliveryOptions, Said
from engine.simulator.playback import Playback

MS = 1_000_000
SAID = (Said(phrase="transfer me", start_ms=3, end_ms=9),)


class Ear:
    """A listener that keeps what it got."""

    def __init__(self):
        self.got, self.reasons = [], []

    async def deliver(self, message, position_ms):
        self.got.append((message, position_ms))

    async def end(self, reason):
        self.reasons.append(reason)


@pytest.fixture
def call():
    track = Track((b"a", b"b"), (20 * MS, 40 * MS), 40 * MS)
    options = CallOptions(conversation_id="abc", wav=Path("/x/a.wav"), said=SAID)
    return Call(options, DeliveryOptions(), Playback(track, DeliveryOptions()), Conversation("abc", 0))


async def test_everybody_hears_the_live_point_and_the_end(call):
    early, late = Ear(), Ear()
    call.listeners.add(early)
    assert call.state == "waiting"
    call.playback.start(0)
    await call.advance(25 * MS)
    assert call.state == "live"
    call.listeners.add(late)
    await call.advance(40 * MS)
    assert early.got == [(b"a", 20.0), (b"b", 40.0)]
    assert late.got == [(b"b", 40.0)]
    assert early.reasons == late.reasons == ["completed"]
    assert call.state == "ended"


async def test_the_clock_goes_on_without_listeners(call):
    call.playback.start(0)
    await call.advance(25 * MS)
    ear = Ear()
    call.listeners.add(ear)
    await call.advance(40 * MS)
    assert ear.got == [(b"b", 40.0)]


async def test_the_end_is_told_once(call):
    ear = Ear()
    call.listeners.add(ear)
    await call.end("disconnected")
    await call.end("disconnected")
    assert ear.reasons == ["disconnected"]
    assert call.state == "ended"


async def test_the_report_before_during_and_after(call):
    before = call.report()
    assert (before.state, before.started_at_ns, before.started_at_ms, before.position_ms) == ("waiting", None, None, 0)
    call.playback.start(1)
    during = call.report()
    assert during.started_at_ns == 1
    assert during.started_at_ms > 0
    assert (during.file, during.duration_ms, during.position_ms) == ("a.wav", 40, 40)
    assert during.body()["said"] == [
        {"phrase": "transfer me", "start_ms": 3, "end_ms": 9, "sentence": "", "channel": "external"}
    ]
    await call.end("x")
    assert call.report().state == "ended"


async def test_the_report_says_which_audio_was_sent_to_whom(call):
    first = call.sending(20.0)
    first.to_ms = 60.0
    call.sending(120.0, "node-2")
    assert [dict(each) for each in call.report().body()["sent"]] == [
        {"from_ms": 20.0, "to_ms": 60.0, "client": ""},
        {"from_ms": 120.0, "to_ms": 120.0, "client": "node-2"},
    ]
