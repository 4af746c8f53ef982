"""Audio that ends workers, for real: an entry point aborts, faults or hangs in the worker that hears a phrase."""

import asyncio
import os
import signal
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from engine.commands.rules import Rules
from engine.errors import RefusedError
from engine.shards.pool import QUARANTINE_MAX, QUARANTINED
from engine.stats import Cell
from tests.support.poison import PHRASE, poisonous
from tests.support.shards import RULES, SECOND, Ear, heard, make_pool, play, recording, running_pool
from tests.support.waiting import until

ONE = ("external",)
KINDS = pytest.mark.parametrize("kind", ["aborts", "faults", "spins", "sleeps"])
OPTIONS = {"slots": 1024, "hang_timeout_s": 0.6}


def said_in(number: int) -> list[str]:
    return [phrase for phrase, _, _ in recording(number).said]


@KINDS
async def test_a_conversation_that_ends_two_workers_is_quarantined_and_no_other_notices(ear, kind):
    harmless, poison = recording(3), recording(2)
    assert PHRASE in said_in(2)
    assert PHRASE not in said_in(3)
    with capture_logs() as logs:
        async with running_pool(ear, rules=(*RULES, poisonous(kind)), **OPTIONS) as pool:
            bad, good = pool.lease("bad", ONE), pool.lease("good", ONE)
            await play(good.feed("external"), harmless.part(0, 8000))
            bad.feed("external").push(poison.part(0, 9000))
            await until(lambda: ear.failed, 60)
            assert ear.failed == [("bad", "external", QUARANTINED)]
            await play(good.feed("external"), harmless.part(8000, 60_000))
            bad.feed("external").push(bytes(SECOND))  # goes nowhere
            good.release()
            bad.release()
            await asyncio.wait_for(pool.drained(), 60)
            (reading,) = pool.readings()
            with pytest.raises(RefusedError, match="bad is quarantined: two workers died of it") as refusal:
                pool.lease("bad", ONE)
            assert refusal.value.reason == "quarantined"
            assert pool.lease("another", ONE)
    assert reading.restarts == 2, "no third worker died of it"
    assert ear.phrases("good") == said_in(3)
    errors = [entry for entry in logs if entry["event"] == "conversation quarantined: two workers died of it"]
    assert [(entry["conversation_id"], entry["log_level"]) for entry in errors] == [("bad", "error")]


@KINDS
async def test_a_death_that_does_not_come_again_costs_nobody_anything(ear, kind, tmp_path, monkeypatch):
    """The phrase that was heard when it happened is delivered once."""
    dose = tmp_path / "dose"
    dose.touch()
    monkeypatch.setenv("POISON_DOSE", str(dose))
    async with running_pool(ear, rules=(*RULES, poisonous(kind)), **OPTIONS) as pool:
        lease = pool.lease("a", ONE)
        await play(lease.feed("external"), recording(2).pcm)
        lease.release()
        await asyncio.wait_for(pool.drained(), 60)
        (reading,) = pool.readings()
    assert not dose.exists()
    assert (reading.restarts, ear.failed) == (1, [])
    assert ear.phrases("a") == said_in(2)


async def test_random_deaths_quarantine_nobody(ear):
    """Ten kills while one call is all that there is to hear: each past what the last one died of."""
    call = recording(1)
    async with running_pool(ear, restart_window_s=0.001, slots=1024) as pool:
        feed = pool.lease("a", ONE).feed("external")
        for second in range(10):
            begin = 2 * second * SECOND
            await play(feed, call.pcm[begin : begin + SECOND])  # survived: no drain of it can be the next one's place
            await heard(feed, 60)
            feed.push(call.pcm[begin + SECOND : begin + 2 * SECOND])
            hearing = pool._workers.shards[0].arena.cells
            await until(lambda cells=hearing, feed=feed: cells[Cell.HEARING] or feed.queue_depth_frames == 0, 30)
            (old,) = pool.worker_pids
            os.kill(old, signal.SIGKILL)
            await until(lambda old=old: pool.all_up and old not in pool.worker_pids, 60)
            await heard(feed, 60)
    assert ear.failed == []
    rules = Rules(RULES)
    commands = [rules.command_for(*spotted, spotted_at="2026-01-01T00:00:00Z") for spotted in ear.spotted]
    assert [command.phrase for command in commands if command] == said_in(1)[:2]


async def test_all_channels_of_a_quarantined_conversation_end_and_one_that_was_over_is_not_told(ear):
    async with running_pool(ear) as pool:
        both = pool.lease("a", ("external", "internal"))
        over = pool.lease("b", ONE)
        shard = pool._workers.shards[0]
        os.kill(pool.worker_pids[0], signal.SIGSTOP)
        over.release()
        for number in (1, 3):  # of a, of b
            for _ in range(2):
                shard.arena.cells[Cell.HEARING], shard.arena.cells[Cell.HEARING_AT] = number, 100
                pool._bury(shard)
        assert sorted(ear.failed) == [("a", "external", QUARANTINED), ("a", "internal", QUARANTINED)]
        for name in "ab":
            with pytest.raises(RefusedError, match="quarantined"):
                pool.lease(name, ONE)
        both.release()
        await asyncio.wait_for(pool.drained(), 10)
        os.kill(pool.worker_pids[0], signal.SIGKILL)


async def test_the_quarantine_is_bounded():
    pool = make_pool(Ear())
    for number in range(QUARANTINE_MAX + 5):
        pool._put_into_quarantine(f"{number}", SimpleNamespace(index=0))
    assert len(pool._quarantine) == QUARANTINE_MAX
    assert "4" not in pool._quarantine
    assert "5" in pool._quarantine
    await pool.stop(1)
