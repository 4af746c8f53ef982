import asyncio
import os
import signal
from itertools import pairwise

import pytest

from engine.audio.format import FRAME_BYTES, FRAME_MS
from engine.errors import RefusedError
from engine.shards.messages import Drain, RingFailed, Spotted
from engine.speech.events import PhraseSpotted
from engine.stats import Cell
from tests.support.shards import (
    SECOND,
    Ear,
    heard,
    make_pool,
    play,
    private_bytes,
    recording,
    running_pool,
    voluntary_switches,
)
from tests.support.waiting import until

ONE = ("external",)
BOTH = ("external", "internal")
LATEST_MS = 1500  # a phrase's end in the audio to where it was spotted
MB = 2**20


async def test_phrases_arrive_with_their_conversation_and_channel(ear):
    first, second, third = recording(1), recording(2), recording(3)
    async with running_pool(ear, count=2) as pool:
        leases = {"a": pool.lease("a", BOTH), "b": pool.lease("b", ONE)}
        async with asyncio.TaskGroup() as plays:
            plays.create_task(play(leases["a"].feed("external"), first.pcm))
            plays.create_task(play(leases["a"].feed("internal"), second.pcm))
            plays.create_task(play(leases["b"].feed("external"), third.pcm))
        for lease in leases.values():
            lease.release()
        await asyncio.wait_for(pool.drained(), 30)
    for conversation, channel, said in (
        ("a", "external", first.said),
        ("a", "internal", second.said),
        ("b", "external", third.said),
    ):
        found = [event for *place, event in ear.spotted if place == [conversation, channel]]
        assert [event.phrase for event in found] == [phrase for phrase, _, _ in said]
        for event, (phrase, start_ms, end_ms) in zip(found, said, strict=True):
            assert event.rule == phrase.replace(" ", "-")
            assert start_ms < event.audio_position_ms < end_ms + LATEST_MS
            assert event.utterance_start_ms <= start_ms < event.phrase_end_ms <= event.audio_position_ms
    assert ear.failed == []


async def test_a_gap_moves_positions_on(ear):
    call = recording(1)
    (phrase, start_ms, end_ms), *_ = call.said
    async with running_pool(ear) as pool:
        feed = pool.lease("a", ONE).feed("external")
        feed.push(call.part(0, 200))
        feed.mark_gap(60_000)
        feed.push(call.part(start_ms - 1000, end_ms + 1500))
        await until(lambda: ear.spotted)
        (event,) = (event for _, _, event in ear.spotted)
    assert event.phrase == phrase
    begin_ms = 60_200 + 1000  # of the phrase, now
    assert begin_ms < event.audio_position_ms < begin_ms + end_ms - start_ms + LATEST_MS


async def test_a_ring_is_free_again_once_its_audio_was_heard(ear):
    call = recording(1)
    (phrase, start_ms, end_ms), *_ = call.said
    async with running_pool(ear, rings=1) as pool:
        assert pool.has_capacity
        lease = pool.lease("a", ONE)
        assert not pool.has_capacity
        feed = lease.feed("external")
        feed.push(call.part(start_ms - 1500, end_ms))
        lease.release()
        with pytest.raises(RefusedError) as refusal:
            pool.lease("b", ONE)
        assert refusal.value.reason == "capacity"
        feed.push(call.part(0, 1000))  # too late: goes nowhere
        await asyncio.wait_for(pool.drained(), 30)
        assert ear.phrases("a") == [phrase]
        assert pool.has_capacity
        (reading,) = pool.readings()
        assert reading.cells[Cell.FRAMES] == len(call.part(start_ms - 1500, end_ms)) // FRAME_BYTES
        lease.release()  # again: nothing
        again = pool.lease("b", ONE)
        await play(again.feed("external"), call.part(start_ms - 1500, end_ms + 1500))
        await until(lambda: ear.phrases("b") == [phrase])


async def test_refusals_name_their_reason(ear):
    async with running_pool(ear, count=2, rings=2) as pool:
        pool.lease("a", BOTH)
        with pytest.raises(RefusedError, match="a is already followed") as refusal:
            pool.lease("a", ONE)
        assert refusal.value.reason == "duplicate"
        pool.lease("b", ONE)
        with pytest.raises(RefusedError, match="no shard has a free ring") as refusal:
            pool.lease("c", BOTH)
        assert refusal.value.reason == "capacity"
        pool.lease("c", ONE)
        assert not pool.has_capacity
    with pytest.raises(RefusedError, match="stopping") as refusal:
        pool.lease("d", ONE)
    assert refusal.value.reason == "draining"


async def test_before_the_start_there_is_no_capacity(ear):
    pool = make_pool(ear)
    assert not pool.all_up
    assert not pool.has_capacity
    assert list(pool.readings()) == []
    with pytest.raises(RefusedError):
        pool.lease("a", ONE)
    await pool.stop(1)


async def test_drained_waits_for_every_lease(ear):
    async with running_pool(ear) as pool:
        await asyncio.wait_for(pool.drained(), 1)
        first, second = pool.lease("a", ONE), pool.lease("b", ONE)
        first.release()
        waiting = asyncio.ensure_future(pool.drained())
        await until(lambda: len(pool._leases) == 1)
        await asyncio.sleep(0)
        assert not waiting.done()
        second.release()
        await asyncio.wait_for(waiting, 10)


async def test_what_a_full_ring_loses_is_counted_and_latency_and_depth_are_read(ear):
    async with running_pool(ear, slots=64) as pool:
        lease = pool.lease("a", ONE)
        lease.feed("external").push(bytes(2 * SECOND))
        (reading,) = pool.readings()
        assert reading.overrun_frames == 100 - 48
        await heard(lease.feed("external"))
        (reading,) = pool.readings()
        assert reading.cells[Cell.FRAMES] == 48
        assert sum(reading.cells[Cell.LATENCY_FIRST :]) == 48
        assert reading.queue_depth_frames == 0
        assert 0 <= reading.utilization_ratio <= 1


async def test_leases_that_outlive_the_pool_end_with_it(ear):
    async with running_pool(ear) as pool:
        lease = pool.lease("a", ONE)
    await asyncio.wait_for(pool.drained(), 1)
    lease.feed("external").push(bytes(SECOND))
    lease.release()
    assert list(pool.readings()) == []


async def test_a_channel_that_failed_is_told_of_and_its_feed_writes_into_nobody_elses_ring(ear):
    async with running_pool(ear, rings=1) as pool:
        failed = pool.lease("a", ONE)
        (number,) = pool._held
        pool._receive(RingFailed(0, number, "LookupError"))
        assert ear.failed == [("a", "external", "LookupError")]
        other = pool.lease("b", ONE)
        failed.feed("external").push(bytes(SECOND))
        assert other.feed("external").queue_depth_frames == 0
        pool._receive(RingFailed(0, number, "LookupError"))  # late words about a lease that ended
        pool._receive(Spotted(number, PhraseSpotted("a", "a", "a", None, "partial", 0, 1, 2, 3)))
        assert (len(ear.failed), ear.spotted) == (1, [])
        failed.release()


async def test_a_message_of_the_wrong_direction_is_a_fault(ear):
    pool = make_pool(ear)
    with pytest.raises(TypeError, match="not for a supervisor: Drain"):
        pool._receive(Drain())


async def test_silent_rings_cost_next_to_nothing(ear):
    """30 open rings without audio: the work loop turns for its heartbeat only."""
    async with running_pool(ear, rings=30) as pool:
        leases = [pool.lease(f"{number}", ONE) for number in range(30)]
        shard, (pid,) = pool._workers.shards[0], pool.worker_pids
        beats = [0.0]

        def pauses_s() -> list[float]:
            beat = float(shard.arena.cells[Cell.HEARTBEAT_NS])
            if beat != beats[-1]:
                beats.append(beat)
            return [(after - before) / 1e9 for before, after in pairwise(beats[1:])]

        await until(lambda: max(pauses_s(), default=0) > 0.2)  # it has opened all of them
        del beats[1:]
        before = voluntary_switches(pid)
        await until(lambda: len(pauses_s()) >= 6)
        assert voluntary_switches(pid) - before <= 3 * 7  # about one sleep a turn
        assert min(pauses_s()) > 0.2
        for lease in leases:
            lease.release()
        await asyncio.wait_for(pool.drained(), 10)


async def test_each_further_worker_adds_little_memory(ear):
    async with running_pool(ear, count=2) as pool:
        for conversation_id in ("a", "b"):  # bounded loads put one on each
            feed = pool.lease(conversation_id, ONE).feed("external")
            await play(feed, recording(1).pcm)
            await heard(feed)
        assert all(reading.cells[Cell.UTTERANCES] for reading in pool.readings())
        used_mb = [round(private_bytes(pid) / MB, 1) for pid in pool.worker_pids]
    print(f"private memory of two workers that heard a call each: {used_mb} MB")
    assert max(used_mb) <= 60


async def test_frames_are_counted_in_milliseconds_of_audio(ear: Ear):
    async with running_pool(ear) as pool:
        lease = pool.lease("a", ONE)
        await play(lease.feed("external"), recording(1).part(0, 8000))
        await heard(lease.feed("external"))
        cells = pool.readings()[0].cells
        assert cells[Cell.FRAMES] * FRAME_MS == 8000
        assert cells[Cell.VOICED_S] + cells[Cell.UNVOICED_S] == pytest.approx(8.0)
        assert cells[Cell.DECODE_S] > 0
        assert cells[Cell.RECOGNIZERS] >= 1
        assert cells[Cell.UTTERANCES] >= 1


async def test_a_shard_that_is_busy_takes_no_more_and_says_so(ear: Ear):
    """Six channels at 0.012 fill a limit of 0.072; then a measurement says that they are cheaper."""
    async with running_pool(ear, rings=20, max_utilization=0.072) as pool:
        pool._workers._check.cancel()  # no measurement but ours
        for number in range(6):
            assert pool.has_capacity
            pool.lease(f"{number}", ONE)
        assert not pool.has_capacity
        assert pool.readings()[0].capacity_left_ratio == pytest.approx(0, abs=1e-9)
        with pytest.raises(
            RefusedError, match=r"no shard has time for another call; .* shards.max_utilization"
        ) as refusal:
            pool.lease("6", ONE)
        assert refusal.value.reason == "capacity"
        pool._workers.shards[0].admission.measured(0.03, 6)
        assert pool.has_capacity
        assert pool.readings()[0].capacity_left_ratio == pytest.approx(1 - 0.03 / 0.072)
        pool.lease("6", ONE)


async def test_calls_go_to_a_shard_with_time(ear: Ear):
    async with running_pool(ear, count=2, rings=20) as pool:
        pool._workers._check.cancel()
        first, second = pool._workers.shards
        pool.lease("a", ONE)  # on either, and then that one is full
        busy = first if pool._leases.used_rings(first.index) else second
        busy.admission.measured(1.0, 1)
        for number in range(5):
            pool.lease(f"{number}", ONE)
        assert (pool._leases.used_rings(busy.index), len(pool._leases)) == (1, 6)


async def test_utilization_is_measured_while_a_worker_is_up_and_only_then(ear: Ear):
    async with running_pool(ear) as pool:
        admission = pool._workers.shards[0].admission
        lease = pool.lease("a", ONE)
        await play(lease.feed("external"), recording(1).pcm)
        await until(lambda: admission._channels > 0)
        assert 0 < admission.cost < 1


async def test_two_sessions_of_a_conversation_are_heard_apart_and_a_failure_names_the_session(ear):
    call = recording(1)
    (phrase, start_ms, end_ms), *_ = call.said
    async with running_pool(ear) as pool:
        first, second = (pool.lease("a", ONE, session_id=name) for name in ("s1", "s2"))
        with pytest.raises(RefusedError, match="session s1 is already followed"):
            pool.lease("a", ONE, session_id="s1")
        await play(second.feed("external"), call.part(start_ms - 1500, end_ms + 1500))
        await until(lambda: ear.phrases("a") == [phrase])
        number = min(pool._held)
        pool._receive(RingFailed(0, number, "LookupError"))
        assert ear.failed == [("s1", "external", "LookupError")]
        assert await first.heard(10) is False
        second.release()
        assert await second.heard(30) is True


async def test_heard_says_whether_all_that_was_pushed_was_heard(ear):
    call = recording(1)
    (phrase, start_ms, end_ms), *_ = call.said
    async with running_pool(ear) as pool:
        lease = pool.lease("a", BOTH)
        assert await lease.heard(0.01) is False  # not released
        lease.feed("internal").push(call.part(start_ms - 1500, end_ms))
        lease.release()
        assert await lease.heard(30) is True
        assert ear.phrases("a") == [phrase]  # told before
        cut_off = pool.lease("b", ONE)
    assert await cut_off.heard(1) is True  # the pool's stop hears rings to their heads
    pool = make_pool(ear)
    await pool.start()
    await until(lambda: pool.all_up)
    stopped = pool.lease("c", ONE)
    os.kill(pool.worker_pids[0], signal.SIGSTOP)
    stopped.release()
    await pool.stop(0.1)
    assert await stopped.heard(10) is False


async def test_audio_that_a_continued_session_has_brought_before_fires_nothing_again(ear):
    """The second session brings the last 20 s again, at the same positions, and goes on."""
    call = recording(1)
    (first, start_ms, end_ms), (second, next_start_ms, next_end_ms), *_ = call.said
    begin_ms, cut_ms, over_ms = start_ms // 20 * 20 - 1500, end_ms // 20 * 20 + 1500, next_end_ms // 20 * 20 + 1500
    assert cut_ms < next_start_ms  # the first session has heard the first phrase only
    async with running_pool(ear, slots=2048) as pool:
        old = pool.lease("a", ONE, session_id="s1")
        old.feed("external").mark_gap(60_000)
        await play(old.feed("external"), call.part(begin_ms, cut_ms))
        old.release()  # still being heard, perhaps
        new = pool.lease("a", ONE, session_id="s2", continues=("s0", "s1"))
        new.feed("external").mark_gap(60_000)
        await play(new.feed("external"), call.part(begin_ms, over_ms))
        new.release()
        assert await old.heard(30)
        assert await new.heard(30)
        assert ear.phrases("a") == [first, second]
        stranger = pool.lease("a", ONE, session_id="s3")
        await play(stranger.feed("external"), call.part(begin_ms, cut_ms))
        await until(lambda: ear.phrases("a") == [first, second, first])
