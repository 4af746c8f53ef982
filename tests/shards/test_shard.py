import os
import signal
import subprocess
import sys
import time

import pytest

from engine.options import ShardOptions
from engine.packets import PacketLink, socket_pair
from engine.shards.messages import WORKER_CODEC
from engine.shards.shard import Shard, ShardState
from engine.stats import Cell


@pytest.fixture
async def shard():
    shard = Shard(3, ShardOptions(count=4, rings=1, slots=16))
    yield shard
    shard.close()


def _link() -> PacketLink:
    ours, theirs = socket_pair()
    theirs.close()
    return PacketLink(ours, WORKER_CODEC, lambda _: None, lambda: None)


async def test_a_new_generation_has_no_worker_yet(shard):
    assert (shard.state, shard.generation, shard.link, shard.gone.is_set()) == (ShardState.STARTING, 0, None, True)
    shard.begin_generation(_link())
    assert (shard.state, shard.generation, shard.pid, shard.gone.is_set()) == (ShardState.STARTING, 1, None, False)


async def test_silence_counts_from_the_fork_or_from_the_last_turn_whichever_was_later(shard):
    shard.arena.cells[Cell.HEARTBEAT_NS] = time.monotonic_ns() - 50e9  # a dead predecessor's
    assert shard.silent_s() == pytest.approx(50, abs=5)
    shard.begin_generation(_link())
    assert shard.silent_s() < 5
    shard.arena.cells[Cell.HEARTBEAT_NS] = time.monotonic_ns() + 7e9
    assert shard.silent_s() < 0


async def test_utilization_is_of_the_time_since_the_last_sample(shard):
    shard.sample()
    assert shard.utilization_ratio == 0  # sampled less than a second ago
    shard.state = ShardState.UP
    shard._sampled = (time.monotonic() - 4, 10.0, 0.0)
    shard.arena.cells[Cell.BUSY_S] = 11.0
    shard.sample()
    assert shard.utilization_ratio == pytest.approx(0.25, abs=0.05)
    shard._sampled = (time.monotonic() - 4, 11.0, 0.0)
    shard.arena.cells[Cell.BUSY_S] = 99.0
    shard.sample()
    assert shard.utilization_ratio == 1.0


async def test_a_reading_is_a_copy(shard):
    shard.lost(5)
    shard.lost(2)
    reading = shard.reading(11, 1)
    shard.arena.cells[Cell.FRAMES] = 1
    assert (reading.shard, reading.queue_depth_frames, reading.overrun_frames, reading.restarts) == (3, 11, 7, 0)
    assert reading.cells[Cell.FRAMES] == 0


async def test_kill_ends_the_worker_and_is_nothing_without_one(shard):
    shard.kill()
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    shard.pid = process.pid
    shard.kill()
    assert process.wait(10) == -signal.SIGKILL
    shard.kill()  # gone already
    assert shard.pid == process.pid


async def test_closing_frees_its_descriptors():
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names of descriptors, not paths)
    shard = Shard(0, ShardOptions(count=1, rings=1, slots=16))
    shard.begin_generation(_link())
    shard.close()
    del shard  # the mapping keeps a descriptor of its own until its last view goes
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
