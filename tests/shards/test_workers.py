"""Real workers, killed for real."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from engine.commands.rules import Rules
from engine.errors import ModelError, RefusedError
from engine.shards.messages import Prepared
from engine.shards.pool import Pool
from engine.shards.shard import Shard, ShardState
from engine.shards.workers import LATE_S
from engine.stats import Cell
from tests.support.engine import shared_memory
from tests.support.shards import (
    ROOT,
    RULES,
    SECOND,
    Ear,
    Recording,
    alive,
    descendants,
    fork_server_pid,
    gone,
    heard,
    make_pool,
    play,
    recording,
    running_pool,
)
from tests.support.waiting import until

ONE = ("external",)


def commands(ear: Ear, conversation_id: str) -> list[str]:
    """The rules of the commands that come of what was spotted."""
    rules = Rules(RULES)
    made = (rules.command_for(*spotted, spotted_at="2026-01-01T00:00:00Z") for spotted in ear.spotted)
    return [command.rule for command in made if command and command.conversation_id == conversation_id]


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def names(call: Recording) -> list[str]:
    return [phrase.replace(" ", "-") for phrase, _, _ in call.said]


def shard_of(pool: Pool) -> Shard:
    return pool._workers.shards[0]


async def replaced(pool: Pool, old: int, timeout_s: float = 30) -> None:
    await until(lambda: pool.all_up and old not in pool.worker_pids, timeout_s)


class TestDeath:
    async def test_a_phrase_spoken_across_a_kill_is_delivered_once(self, ear):
        call = recording(1)
        (_, start_ms, end_ms), *_ = call.said
        middle_ms = (start_ms + end_ms) // 2
        async with running_pool(ear) as pool:
            lease = pool.lease("a", ONE)
            feed = lease.feed("external")
            await play(feed, call.part(0, middle_ms))
            await heard(feed)
            assert ear.spotted == []
            (old,) = pool.worker_pids
            begun = time.monotonic()
            os.kill(old, signal.SIGKILL)
            await replaced(pool, old)
            print(f"killed worker replaced after {(time.monotonic() - begun) * 1000:.1f} ms")
            await play(feed, call.part(middle_ms, 60_000))
            lease.release()
            await asyncio.wait_for(pool.drained(), 30)
            (reading,) = pool.readings()
        assert commands(ear, "a") == names(call)
        assert reading.restarts == 1
        assert reading.cells[Cell.FRAMES] * 20 == len(call.pcm) // 320 * 20  # each frame counted once

    @pytest.mark.parametrize("late_ms", [-300, 0, 300, 1000])
    async def test_killed_just_before_or_after_the_phrase_fires_it_is_delivered_once(self, ear, late_ms):
        call = recording(2)
        (phrase, _, end_ms), *_ = call.said
        async with running_pool(ear) as pool:
            lease = pool.lease("a", ONE)
            feed = lease.feed("external")
            await play(feed, call.part(0, end_ms + late_ms))
            await heard(feed)
            (old,) = pool.worker_pids
            os.kill(old, signal.SIGKILL)
            await play(feed, call.part(end_ms + late_ms, end_ms + 3000))  # while nobody hears
            lease.release()
            await asyncio.wait_for(pool.drained(), 30)
        assert ear.phrases("a") == [phrase], "told once, without help of the idempotency key"

    async def test_audio_that_came_while_nobody_heard_is_heard_after_all_even_of_a_call_that_ended(self, ear):
        call = recording(3)
        (phrase, start_ms, end_ms), *_ = call.said
        async with running_pool(ear) as pool:
            (old,) = pool.worker_pids
            os.kill(old, signal.SIGSTOP)
            lease = pool.lease("a", ONE)
            lease.feed("external").push(call.part(start_ms - 1000, end_ms + 800))
            lease.release()
            os.kill(old, signal.SIGKILL)
            await asyncio.wait_for(pool.drained(), 30)
        assert ear.phrases("a") == [phrase]

    async def test_a_call_that_comes_and_goes_between_two_workers_is_heard(self, ear):
        call = recording(3)
        (phrase, start_ms, end_ms), *_ = call.said
        async with running_pool(ear) as pool:
            for _ in range(2):  # the third death has a pause of 0.2 s
                (old,) = pool.worker_pids
                os.kill(old, signal.SIGKILL)
                await replaced(pool, old)
            os.kill(pool.worker_pids[0], signal.SIGKILL)
            await until(lambda: shard_of(pool).state is ShardState.DOWN)
            lease = pool.lease("a", ONE)
            lease.feed("external").push(call.part(start_ms - 1000, end_ms + 800))
            lease.release()
            assert shard_of(pool).link is None
            await asyncio.wait_for(pool.drained(), 30)
        assert ear.phrases("a") == [phrase]

    async def test_the_other_shards_calls_hear_nothing_of_it(self, ear):
        call = recording(1)
        async with running_pool(ear, count=2) as pool:
            leases = [pool.lease(name, ONE) for name in ("a", "b")]
            async with asyncio.TaskGroup() as tasks:
                for lease in leases:
                    tasks.create_task(play(lease.feed("external"), call.pcm))
                os.kill(pool.worker_pids[0], signal.SIGKILL)
            for lease in leases:
                lease.release()
            await asyncio.wait_for(pool.drained(), 30)
            assert sorted(reading.restarts for reading in pool.readings()) == [0, 1]
        assert commands(ear, "a") == commands(ear, "b") == names(call)

    async def test_counters_only_grow_over_a_restart(self, ear):
        gauges = {Cell.HEARTBEAT_NS, Cell.HEARING, Cell.HEARING_AT, Cell.RECOGNIZERS}
        call = recording(1)
        async with running_pool(ear) as pool:
            feed = pool.lease("a", ONE).feed("external")
            seen = [pool.readings()[0]]
            for second in range(6):
                await play(feed, call.pcm[second * 4 * SECOND : (second + 1) * 4 * SECOND])
                if second % 2:
                    (old,) = pool.worker_pids
                    os.kill(old, signal.SIGKILL)
                    await replaced(pool, old)
                seen.append(pool.readings()[0])
            await heard(feed)
            seen.append(pool.readings()[0])
        for before, after in pairwise(seen):
            for cell in range(len(before.cells)):
                assert cell in gauges or after.cells[cell] >= before.cells[cell], cell
            assert after.restarts >= before.restarts
        assert seen[-1].restarts == 3
        assert sum(seen[-1].cells[Cell.LATENCY_FIRST :]) == seen[-1].cells[Cell.FRAMES]

    async def test_a_worker_that_is_told_rubbish_ends_and_is_replaced(self, ear):
        async with running_pool(ear) as pool:
            (old,) = pool.worker_pids
            shard_of(pool).link._sock.send(b"rubbish")
            await replaced(pool, old)
            await gone([old])

    async def test_a_worker_that_tells_rubbish_is_killed_and_replaced(self, ear):
        async with running_pool(ear) as pool:
            (old,) = pool.worker_pids
            os.kill(old, signal.SIGSTOP)  # it couldn't end by itself
            link = shard_of(pool).link
            link.close()
            link._on_closed()  # as a link does that got what is no message (tests/test_packets.py)
            await replaced(pool, old)
            await gone([old])


class TestHang:
    async def test_a_hung_worker_is_noticed_killed_and_replaced(self, ear):
        call = recording(1)
        (_, start_ms, end_ms), *_ = call.said
        async with running_pool(ear, hang_timeout_s=0.6) as pool:
            lease = pool.lease("a", ONE)
            feed = lease.feed("external")
            await play(feed, call.part(0, start_ms + 200))
            await heard(feed)
            (old,) = pool.worker_pids
            begun = time.monotonic()
            os.kill(old, signal.SIGSTOP)
            feed.push(call.part(start_ms + 200, end_ms + 1500))
            await replaced(pool, old)
            print(f"hung worker replaced after {(time.monotonic() - begun) * 1000:.0f} ms (limit 600)")
            assert not alive(old)
            lease.release()
            await asyncio.wait_for(pool.drained(), 30)
        assert commands(ear, "a") == ["transfer-me"]

    async def test_silence_does_not_count_while_the_supervisor_itself_was_paused(self, ear):
        async with running_pool(ear, hang_timeout_s=0.6) as pool:
            workers, shard, (old,) = pool._workers, shard_of(pool), pool.worker_pids
            workers._check.cancel()
            os.kill(old, signal.SIGSTOP)
            await until(lambda: shard.silent_s() > 1)
            workers._check_at = asyncio.get_running_loop().time() - LATE_S - 0.1
            workers._check_hangs()
            assert alive(old)
            assert shard.silent_s() < 0.6
            await replaced(pool, old)  # counted anew

    async def test_an_idle_worker_is_not_taken_for_hung(self, ear):
        async with running_pool(ear, hang_timeout_s=0.6) as pool:
            (pid,) = pool.worker_pids
            shard = shard_of(pool)
            beat = shard.arena.cells[Cell.HEARTBEAT_NS]
            await until(lambda: shard.arena.cells[Cell.HEARTBEAT_NS] > beat + 1.5e9)
            assert pool.worker_pids == [pid]


class TestMemory:
    async def test_the_kernel_takes_a_worker_before_the_supervisor(self, ear):
        async with running_pool(ear, count=2) as pool:
            scores = [Path(f"/proc/{pid}/oom_score_adj") for pid in pool.worker_pids]
            await until(lambda: [int(score.read_text()) for score in scores] == [500, 500])
            for pid in (fork_server_pid(pool), os.getpid()):
                assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) < 500


class TestForkServer:
    async def test_a_killed_one_is_replaced_and_its_workers_go_on(self, ear):
        call = recording(1)
        async with running_pool(ear, count=2) as pool:
            server, workers = fork_server_pid(pool), pool.worker_pids
            lease = pool.lease("a", ONE)
            os.kill(server, signal.SIGKILL)
            await until(lambda: not pool._workers._server_up)
            assert pool.worker_pids == workers
            await play(lease.feed("external"), call.pcm)
            lease.release()
            await asyncio.wait_for(pool.drained(), 30)
            assert commands(ear, "a") == names(call)
            await until(lambda: pool._workers._server_up)
            os.kill(workers[0], signal.SIGKILL)
            await replaced(pool, workers[0])
            assert fork_server_pid(pool) != server  # of the first worker
            assert pool.worker_pids[1] == workers[1]
        await gone(workers)

    async def test_a_worker_that_dies_while_there_is_none_is_replaced_by_the_next_one(self, ear):
        async with running_pool(ear) as pool:
            server, (old,) = fork_server_pid(pool), pool.worker_pids
            os.kill(server, signal.SIGKILL)
            os.kill(old, signal.SIGKILL)
            await replaced(pool, old)
            assert pool.readings()[0].restarts == 1

    async def test_a_pause_that_ends_after_a_revival_forks_no_second_worker(self, ear):
        async with running_pool(ear) as pool:
            for _ in range(3):  # the fourth death has a pause of 0.4 s
                (old,) = pool.worker_pids
                os.kill(old, signal.SIGKILL)
                await replaced(pool, old)
            workers = pool._workers
            generation = shard_of(pool).generation
            workers._fork(shard_of(pool))  # what the pause's end does
            assert shard_of(pool).generation == generation
            assert len(pool.worker_pids) == 1

    async def test_a_hung_one_is_noticed_once_a_worker_is_wanted(self, ear):
        async with running_pool(ear) as pool:
            server, (old,), shard = fork_server_pid(pool), pool.worker_pids, shard_of(pool)
            os.kill(server, signal.SIGSTOP)
            os.kill(old, signal.SIGKILL)
            await until(lambda: shard.generation == 2)
            await until(lambda: not alive(old))
            assert shard.state is ShardState.STARTING
            shard.arena.cells[Cell.HEARTBEAT_NS] = shard._watched_ns = 0  # as if it had been asked for long ago
            await replaced(pool, old)
            assert not alive(server)
            assert pool.readings()[0].restarts == 1  # the one that it never made does not count

    async def test_one_that_is_told_rubbish_is_replaced(self, ear):
        async with running_pool(ear) as pool:
            server = fork_server_pid(pool)
            pool._workers._server._link._sock.send(b"rubbish")
            await until(lambda: not alive(server))
            await until(lambda: pool._workers._server_up and pool._workers._server.pid != server)

    async def test_revival_is_tried_until_it_works(self, ear, tmp_path):
        model = tmp_path / "model"
        model.symlink_to(ROOT / "models/cueline-en-8k")
        async with running_pool(ear, model=model) as pool:
            (old,) = pool.worker_pids
            model.unlink()
            with capture_logs() as logs:
                os.kill(fork_server_pid(pool), signal.SIGKILL)
                os.kill(old, signal.SIGKILL)
                await until(lambda: "fork server can't be started" in [entry["event"] for entry in logs])
            assert not pool.all_up
            model.symlink_to(ROOT / "models/cueline-en-8k")
            await replaced(pool, old)


class TestBudget:
    async def test_too_many_deaths_give_the_shard_up_and_its_calls_are_told(self, ear):
        async with running_pool(ear, count=2, restart_limit=1) as pool:
            leases = {name: pool.lease(name, ONE) for name in ("a", "b")}
            first, second = pool._workers.shards
            while first.state is not ShardState.GIVEN_UP:
                if first.pid:
                    os.kill(first.pid, signal.SIGKILL)
                    await until(lambda pid=first.pid: first.pid != pid)
                await asyncio.sleep(0)
            assert not pool.all_up
            assert pool.has_capacity
            assert pool.worker_pids == [second.pid]
            ((name, channel, error),) = ear.failed
            assert (channel, error) == ("external", "ShardGivenUp")
            leases.pop(name).release()
            assert pool.lease(name, ("internal",)) is not None  # on the other shard
            assert {lease.shard for lease in pool._leases._leases.values()} == {second.index}

    async def test_a_shard_that_was_given_up_is_tried_again(self, ear):
        call = recording(3)
        (phrase, start_ms, end_ms), *_ = call.said
        async with running_pool(ear, restart_limit=0, restart_window_s=0.5) as pool:
            pool.lease("a", ONE)
            (old,) = pool.worker_pids
            os.kill(old, signal.SIGKILL)
            await until(lambda: ear.failed)
            assert ear.failed == [("a", "external", "ShardGivenUp")]
            assert (pool.all_up, pool.has_capacity, pool.readings()[0].capacity_left_ratio) == (False, False, 0)
            with pytest.raises(RefusedError, match="no shard has a worker") as refusal:
                pool.lease("a", ONE)
            assert refusal.value.reason == "capacity"
            await replaced(pool, old)
            await play(pool.lease("a", ONE).feed("external"), call.part(start_ms - 1500, end_ms + 1500))
            await until(lambda: ear.phrases("a") == [phrase])
            assert pool.readings()[0].restarts == 1

    async def test_without_any_shard_left_nothing_is_taken_and_nothing_waits(self, ear):
        async with running_pool(ear, restart_limit=0) as pool:
            lease = pool.lease("a", ONE)
            os.kill(pool.worker_pids[0], signal.SIGKILL)
            await until(lambda: shard_of(pool).state is ShardState.GIVEN_UP)
            assert not pool.has_capacity
            assert ear.failed == [("a", "external", "ShardGivenUp")]
            lease.release()
            await asyncio.wait_for(pool.drained(), 1)

    async def test_a_call_that_had_ended_is_not_told_of_a_shard_given_up(self, ear):
        async with running_pool(ear, restart_limit=0) as pool:
            lease = pool.lease("a", ONE)
            os.kill(pool.worker_pids[0], signal.SIGSTOP)
            lease.release()
            os.kill(pool.worker_pids[0], signal.SIGKILL)
            await asyncio.wait_for(pool.drained(), 10)
        assert ear.failed == []


class TestStop:
    async def test_nothing_is_left(self, ear):
        names_before, fds_before = shared_memory(), open_files()
        async with running_pool(ear, count=3) as pool:
            pids = [*pool.worker_pids, fork_server_pid(pool)]
            pool.lease("a", ONE).feed("external").push(bytes(SECOND))
            assert {process.pid for process in descendants()} == set(pids)
        assert descendants() == []
        assert not any(map(alive, pids))
        assert shared_memory() == names_before
        assert open_files() <= fds_before

    async def test_what_is_in_the_rings_is_heard_first(self, ear):
        call = recording(1)
        (phrase, start_ms, end_ms), *_ = call.said
        async with running_pool(ear) as pool:
            pool.lease("a", ONE).feed("external").push(call.part(start_ms - 1000, end_ms + 200))
        assert ear.phrases("a") == [phrase]

    async def test_a_worker_that_hangs_is_killed_at_the_deadline(self, ear):
        async with running_pool(ear, count=2) as pool:
            pids = [*pool.worker_pids, fork_server_pid(pool)]
            leases = [pool.lease(name, ONE) for name in ("a", "b")]
            os.kill(pids[0], signal.SIGSTOP)
            await pool.stop(0.1)
            assert not any(map(alive, pids))
            await asyncio.wait_for(pool.drained(), 1)  # its leases end with it
            for lease in leases:
                lease.release()

    async def test_a_fork_server_that_hangs_is_killed(self, ear):
        async with running_pool(ear) as pool:
            pids = [*pool.worker_pids, fork_server_pid(pool)]
            os.kill(pids[-1], signal.SIGSTOP)
            await pool.stop(5)
            assert not any(map(alive, pids))

    async def test_stopping_twice_or_unstarted_is_nothing(self, ear):
        pool = make_pool(ear)
        await pool.stop(1)
        async with running_pool(ear) as pool:
            await pool.stop(5)
            await pool.stop(5)

    async def test_stopping_during_a_revival_leaves_nothing(self, ear):
        async with running_pool(ear) as pool:
            pids = [*pool.worker_pids, fork_server_pid(pool)]
            os.kill(pids[-1], signal.SIGKILL)
            await until(lambda: pool._workers._server.pid not in (None, pids[-1]))
            await pool.stop(5)
        assert descendants() == []
        await gone(pids)

    @settings(max_examples=8, deadline=None)
    @given(turns=st.integers(0, 30))
    def test_cancelled_while_starting_leaves_nothing(self, turns):
        async def check():
            pool = make_pool(Ear())
            starting = asyncio.ensure_future(pool.start())
            for _ in range(turns):
                await asyncio.sleep(0.02)
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            await pool.stop(5)
            assert descendants() == []

        asyncio.run(check())

    async def test_a_fork_server_that_dies_while_it_loads_is_a_broken_model(self, ear):
        pool = make_pool(ear)
        starting = asyncio.ensure_future(pool.start())
        await until(lambda: pool._workers._server.pid)
        os.kill(pool._workers._server.pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="Vosk ended the process while loading the model"):
            await starting
        assert descendants() == []
        await pool.stop(1)

    async def test_a_fork_server_that_dies_as_soon_as_it_has_loaded_is_a_broken_model(self, ear):
        pool = make_pool(ear)
        server = pool._workers._server
        starting = asyncio.ensure_future(pool.start())
        await until(lambda: server.pid)
        server._link.close()
        server._receive(Prepared(load_ms=1, threads=1))  # both in one turn of the loop
        server._closed()
        with pytest.raises(ModelError, match="Vosk ended the process"):
            await starting
        assert descendants() == []
        assert pool._workers._revival is None
        await pool.stop(1)

    async def test_a_start_that_takes_too_long_is_given_up(self, ear):
        pool = make_pool(ear, start_timeout_s=0.01)
        with pytest.raises(ModelError, match=r"not loaded within 0.01 s; raise shards.start_timeout_s"):
            await pool.start()
        assert descendants() == []
        assert not pool.all_up
        await pool.stop(1)


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_only_the_supervisor_ends_them(self, ear, number):
        call = recording(1)
        async with running_pool(ear) as pool:
            pids = [*pool.worker_pids, fork_server_pid(pool)]
            for pid in pids:
                os.kill(pid, number)
            lease = pool.lease("a", ONE)
            await play(lease.feed("external"), call.part(0, 8000))
            await until(lambda: ear.spotted)
            assert pids == [*pool.worker_pids, fork_server_pid(pool)]
            assert pool.readings()[0].restarts == 0

    async def test_a_ctrl_c_on_the_terminal_does_not_reach_them(self, ear):
        async with running_pool(ear) as pool:
            for pid in (*pool.worker_pids, fork_server_pid(pool)):
                assert os.getpgid(pid) != os.getpgid(0)


class TestOrphans:
    """The supervisor is killed with -9."""

    @pytest.mark.parametrize(
        "beforehand", [lambda pids: None, lambda pids: os.kill(pids["workers"][0], signal.SIGSTOP)]
    )
    async def test_fork_server_and_workers_vanish(self, beforehand: Callable[[dict], None]):
        owner = subprocess.Popen([sys.executable, "-m", "tests.support.pool_owner"], cwd=ROOT, stdout=subprocess.PIPE)
        with owner:
            pids = json.loads(owner.stdout.readline())
            everyone = [*pids["workers"], pids["fork_server"]]
            assert all(map(alive, everyone))
            beforehand(pids)
            owner.kill()
        await gone(everyone, 10)
