from engine.intake.conversation import Conversation
from engine.intake.leased_channel import LeasedChannel
from engine.intake.past import Moment, Past
from engine.metrics import Metrics
from tests.support.realtime import FakeShards


def channel(shards: FakeShards) -> tuple[LeasedChannel, Conversation]:
    conversation = Conversation("conv-1", "realtime", Metrics(), lambda _: None)
    return LeasedChannel(conversation, shards.lease("conv-1", ("external",)), "external"), conversation


def test_the_gap_stands_between_the_last_audio_and_the_next():
    shards = FakeShards()
    audio, conversation = channel(shards)
    audio.begin()
    assert not audio.heard
    audio.push(b"aa", 10.0)
    audio.push(b"bb", 10.02)
    audio.begin()
    audio.push(b"cc", 12.52)
    audio.push(b"dd", 12.54)
    assert shards.feed.heard == [b"aa", b"bb", 2500, b"cc", b"dd"]
    assert conversation.info.gap_ms == 2500
    assert len(shards.leases) == 1


def test_a_socket_without_audio_makes_one_gap_and_not_two():
    shards = FakeShards()
    audio, _ = channel(shards)
    audio.push(b"aa", 10.0)
    audio.begin()
    audio.begin()
    audio.push(b"bb", 13.0)
    assert shards.feed.heard == [b"aa", 3000, b"bb"]


def test_flow_is_measured_per_socket():
    audio, _ = channel(FakeShards())
    assert audio.flowing_s(5.0) == 0.0
    audio.push(b"aa", 10.0)
    assert audio.flowing_s(12.5) == 2.5
    audio.begin()
    assert audio.flowing_s(13.0) == 0.0
    assert audio.heard


def test_only_a_peer_ahead_of_real_time_finds_a_full_ring_crowded():
    shards = FakeShards()
    audio, _ = channel(shards)
    assert not audio.crowded(0.0)
    for half in range(5):
        audio.push(bytes(8_000), 10.0 + half / 2)  # live: half a second of audio each half second
    shards.feed.nearly_full = True
    assert not audio.crowded(12.0)
    audio.push(bytes(16_000), 12.1)  # 4 s of audio in 2.1 s
    assert audio.crowded(12.1)
    shards.feed.nearly_full = False
    assert not audio.crowded(12.1)


async def test_a_crowded_channel_waits_until_the_ring_has_room_or_the_peer_is_in_time():
    shards = FakeShards()
    audio, _ = channel(shards)
    audio.push(bytes(64_000), 10.0)
    shards.feed.nearly_full = True
    times = iter([10.0, 10.1, 13.9])  # by the third look it is live again
    await audio.wait_for_room(lambda: next(times))
    assert next(times, None) is None


def test_a_life_after_another_begins_at_the_place_where_the_audio_is_by_now():
    shards = FakeShards()
    then, now = Moment(100.0, 50.0, "boot"), Moment(103.0, 53.0, "boot")
    conversation = Conversation(
        "conv-1", "realtime", Metrics(), lambda _: None, past=Past(60_000, then), moment=lambda: now
    )
    audio = LeasedChannel(conversation, shards.lease("conv-1", ("external",)), "external")
    assert audio.heard
    audio.begin()
    audio.push(b"aa", 10.0)
    audio.push(b"bb", 10.02)
    audio.begin()
    audio.push(b"cc", 11.02)
    assert shards.feed.heard == [63_000, b"aa", b"bb", 1000, b"cc"]
    assert conversation.info.gap_ms == 4000
