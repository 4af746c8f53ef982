"""A histogram's percentiles against values worked out by hand, and readings of the engine's own exposition."""

import math

import pytest

from engine.demo.figures import Reading, read_metrics
from engine.metrics import Metrics
from engine.percentiles import bucket_percentile
from engine.shard_metrics import ShardReading
from engine.stats import CELL_COUNT, LATENCY_BOUNDS_S, Cell

INF = math.inf


@pytest.mark.parametrize(
    ("buckets", "rank", "expected"),
    [
        (((0.1, 10.0), (INF, 10.0)), 0.5, 0.05),  # half of the first bucket
        (((0.1, 50.0), (0.2, 100.0), (INF, 100.0)), 0.75, 0.15),
        (((0.1, 50.0), (0.2, 100.0), (INF, 100.0)), 0.5, 0.1),  # exactly on a bound
        (((0.1, 0.0), (0.2, 4.0), (INF, 4.0)), 0.5, 0.15),  # an empty bucket before
        (((0.1, 1.0), (INF, 100.0)), 0.99, 0.1),  # beyond the last bound: that bound
        (((0.1, 0.0), (INF, 0.0)), 0.5, None),
        ((), 0.5, None),
    ],
)
def test_percentiles_of_a_histogram_are_interpolated(buckets, rank, expected):
    found = bucket_percentile(buckets, rank)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_engines_exposition_is_read_over_all_shards():
    def shard(number: int) -> ShardReading:
        cells = [0.0] * CELL_COUNT
        cells[Cell.FRAMES], cells[Cell.VOICED_S], cells[Cell.UNVOICED_S] = 100.0, 1.5, 0.5
        cells[Cell.LATENCY_FIRST] = 90.0
        cells[Cell.LATENCY_FIRST + len(LATENCY_BOUNDS_S)] = 10.0
        return ShardReading(number, cells, queue_depth_frames=3, restarts=0, overrun_frames=2, utilization_ratio=0.1)

    metrics = Metrics(lambda: [shard(0), shard(1)])
    metrics.conversation_moved("realtime", None, "listening")
    metrics.outbox_pending(4)
    metrics.reconnected("dropped")
    reading = read_metrics(metrics.exposition().decode())
    assert (reading.conversations, reading.frames, reading.dropped) == (1, 200, 4)
    assert (reading.waiting_frames, reading.waiting_commands, reading.reconnects) == (6, 4, 1)
    assert reading.audio_s == 4.0
    assert [bound for bound, _ in reading.frame_latency] == [*LATENCY_BOUNDS_S, INF]
    assert reading.frame_latency[0] == (0.001, 180.0)
    assert reading.frame_latency[-1] == (INF, 200.0)


def test_idle_means_nothing_followed_and_nothing_waiting():
    assert Reading().idle
    assert not Reading(conversations=1).idle
    assert not Reading(waiting_frames=1).idle
    assert not Reading(waiting_commands=1).idle


def test_what_is_no_exposition_is_refused():
    with pytest.raises(ValueError, match="could not convert"):
        read_metrics("cueline_frames_total many\n")
