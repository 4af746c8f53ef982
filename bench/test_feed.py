"""From a decoded chunk into the shard: leased channel, feed, and the doorbell at the end of the loop's turn."""

import os

from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from bench.turns import RINGS, Stage
from engine.audio.format import FRAME_BYTES, FRAME_S
from engine.audio.ring import RingReader
from engine.intake.conversation import Conversation
from engine.intake.leased_channel import LeasedChannel
from engine.metrics import Metrics
from engine.options import Channel
from engine.shards.feed import RingFeed

TURNS = 40
CHUNKS = 500


def lost(frames: int) -> None:
    """The rings are large enough."""
    raise AssertionError(frames)


def test_doorbell_turn(benchmark: BenchmarkFixture, stage: Stage) -> None:
    """A turn of the loop in which fifty rings got something."""

    def mark_all() -> None:
        for _ in range(RINGS):
            stage.bell.mark()

    def ring() -> int:
        stage.supervise(mark_all, TURNS)
        return os.eventfd_read(stage.bell.fd)

    assert measure(benchmark, ring, operations=TURNS) == TURNS


def test_feed_push(benchmark: BenchmarkFixture, stage: Stage, talk: bytes) -> None:
    """A frame into one of fifty rings, with its share of the loop's turn and of the bell."""
    chunk = talk[:FRAME_BYTES]
    rings = stage.rings()

    def setup() -> tuple[list[RingFeed]]:
        return ([RingFeed(ring, stage.bell, lost) for ring in rings],)

    def push_all(feeds: list[RingFeed]) -> list[RingFeed]:
        def turn() -> None:
            for feed in feeds:
                feed.push(chunk)

        stage.supervise(turn, TURNS)
        return feeds

    feeds = measure(benchmark, push_all, setup, operations=TURNS * RINGS, rounds=60)
    assert {feed.queue_depth_frames for feed in feeds} == {TURNS}
    assert {RingReader(ring).runs(0, TURNS)[0].tobytes() for ring in rings} == {chunk * TURNS}


class Floor:
    """As lease and feed: takes everything, does nothing."""

    nearly_full = False
    phrases = 0

    def feed(self, channel: Channel) -> "Floor":  # noqa: ARG002 (as Lease)
        """Itself."""
        return self

    def release(self) -> None:
        """Nothing."""

    async def heard(self, timeout_s: float) -> bool:  # noqa: ARG002 (as Lease)
        """At once."""
        return True

    def push(self, chunk: bytes) -> None:
        """Nothing."""

    def mark_gap(self, gap_ms: int) -> None:
        """Nothing."""


def test_leased_channel_push(benchmark: BenchmarkFixture, talk: bytes) -> None:
    """A chunk on its way from the session to the feed, and whether its peer is ahead of real time."""
    chunk, times = talk[:FRAME_BYTES], [number * FRAME_S for number in range(CHUNKS)]

    def setup() -> tuple[LeasedChannel, Conversation]:
        conversation = Conversation("conversation", "realtime", Metrics(), lambda _: None)
        audio = LeasedChannel(conversation, Floor(), "external")
        audio.begin()
        return audio, conversation

    def push_all(audio: LeasedChannel, conversation: Conversation) -> tuple[bool, int]:
        crowded = False
        for now_s in times:
            audio.push(chunk, now_s)
            crowded |= audio.crowded(now_s)
        return crowded, conversation.info.audio_ms

    assert measure(benchmark, push_all, setup, operations=CHUNKS, rounds=50) == (False, CHUNKS * 20)
