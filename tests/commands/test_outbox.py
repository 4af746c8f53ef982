"""The outbox on a real state file: what the disk says after each step, and what the next run makes of it."""

import asyncio
import time
from contextlib import asynccontextmanager, closing, suppress

import pytest
from structlog.testing import capture_logs

from engine.commands.outbox import WithdrawnError
from engine.commands.outbox_rows import encoded
from engine.errors import ConfigError
from engine.options import LogSink
from engine.state_connection import FILE_NAME, connect
from engine.state_file import StateFile
from tests.support.commands import GateSink, command, deliveries, hindered, opened_outbox, states
from tests.support.disks import mounted
from tests.support.waiting import until

HOUR_S = 3600.0


def sink(name="out", deadline_s=60.0, **kinds):
    return GateSink(LogSink(name=name, deadline_s=deadline_s), **kinds)


def keys(*numbers):
    return [command(number).idempotency_key for number in numbers]


@asynccontextmanager
async def opened(folder, *sinks, **more):
    """An outbox and what it woke."""
    async with opened_outbox(folder, *(sinks or (sink(),)), **more) as outbox:
        outbox.woken = []
        outbox.listen(outbox.woken.append)
        yield outbox


async def taken(outbox, name="out"):
    """The next delivery, once there is one."""
    found = []
    await until(lambda: found or found.extend(filter(None, [outbox.take(name)])))
    return found[0]


def changed(folder, sql, *values):
    with closing(connect(folder)) as connection:
        connection.execute(sql, values)


async def asked(outbox, folder, state, key):
    """As `cueline commands` does."""
    now = time.time()
    changed(folder, "UPDATE deliveries SET state = ?, deadline = ?, asked = ? WHERE key = ?", state, now + 60, now, key)
    with closing(connect(folder)) as connection:
        await until(lambda: connection.execute("SELECT count(*) FROM deliveries WHERE asked").fetchone() == (0,))


async def test_nothing_can_be_taken_before_it_is_committed(tmp_path):
    async with opened(tmp_path) as outbox:
        with hindered(outbox.state, tmp_path):
            assert outbox.put(command(1)) == ()
            await until(lambda: outbox.state.trouble)
            assert (outbox.take("out"), outbox.pending, outbox.woken) == (None, 1, [])
        await until(lambda: outbox.woken == ["out"])
        assert deliveries(tmp_path) == {(keys(1)[0], "out"): ("waiting", 0, "")}
        assert outbox.take("out").key == keys(1)[0]


async def test_the_oldest_goes_first_also_in_the_next_run(tmp_path):
    async with opened(tmp_path) as outbox:
        for number in (3, 1, 2):
            outbox.put(command(number))
        assert [(await taken(outbox)).key for _ in range(3)] == keys(3, 1, 2)
    async with opened(tmp_path) as outbox:
        assert outbox.woken == ["out"]
        assert [(await taken(outbox)).key for _ in range(3)] == keys(3, 1, 2)


async def test_a_command_is_the_same_in_the_next_run(tmp_path):
    made = command(1, ("out", "hook"))
    async with opened(tmp_path, sink(), sink("hook")) as outbox:
        outbox.put(made)
    async with opened(tmp_path, sink(), sink("hook")) as outbox:
        assert sorted(outbox.woken) == ["hook", "out"]
        again = (await taken(outbox, "hook")).command
        assert (again.body(), again.idempotency_key) == (made.body(), made.idempotency_key)


@pytest.mark.parametrize("state", ["delivered", "failed", "expired", "unknown"])
async def test_what_has_ended_is_not_sent_by_the_next_run_and_its_key_adds_nothing(tmp_path, state):
    async with opened(tmp_path) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        await outbox.begins(delivery)
        outbox.done(delivery, state, "why")
        with pytest.raises(KeyError):
            outbox.done(delivery, state)
        assert outbox.pending == 0
    assert [*deliveries(tmp_path).values()] == [(state, 1, "why")]
    async with opened(tmp_path) as outbox:
        assert (outbox.pending, outbox.woken) == (0, [])
        outbox.put(command(1))
        await until(lambda: outbox.pending == 0)
        assert outbox.take("out") is None
    assert states(tmp_path) == [state]


async def test_a_key_that_is_pending_adds_nothing(tmp_path):
    async with opened(tmp_path, capacity=1) as outbox:
        outbox.put(command(1, ("out", "out")))
        assert outbox.put(command(1)) == ()
        await taken(outbox)
        assert outbox.put(command(1)) == ()
        await asyncio.sleep(0.05)
        assert (outbox.take("out"), outbox.pending) == (None, 1)
        assert outbox.put(command(2)) == ("out",)
    assert states(tmp_path) == ["waiting"]


async def test_a_known_command_gets_the_sinks_that_are_new(tmp_path):
    async with opened(tmp_path, sink(), sink("hook")) as outbox:
        outbox.put(command(1))
        outbox.done(await taken(outbox), "delivered")
        outbox.put(command(1, ("out", "hook")))
        assert (await taken(outbox, "hook")).key == keys(1)[0]
        assert outbox.take("out") is None
    assert states(tmp_path) == ["delivered", "waiting"]


async def test_an_effect_that_must_not_be_had_twice_begins_on_the_disk_first(tmp_path):
    once = sink(idempotent=False)
    async with opened(tmp_path, once) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        with hindered(outbox.state, tmp_path):
            begins = asyncio.ensure_future(outbox.begins(delivery))
            await until(lambda: outbox.state.trouble)
            assert not begins.done()
        await begins
        assert states(tmp_path) == ["sending"]
        outbox.failed(delivery, "status 429")
        await until(lambda: [*deliveries(tmp_path).values()] == [("waiting", 1, "status 429")])
        await outbox.begins(delivery)
    async with opened(tmp_path, once) as outbox:
        assert outbox.pending == 0
        assert [(closed.key, closed.state) for closed in outbox.closed_at_start] == [(keys(1)[0], "unknown")]
    assert states(tmp_path) == ["unknown"]


async def test_a_beginning_that_nobody_waits_for_any_more_changes_nothing(tmp_path):
    async with opened(tmp_path, sink(idempotent=False)) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        with hindered(outbox.state, tmp_path):
            begins = asyncio.ensure_future(outbox.begins(delivery))
            await until(lambda: outbox.state.trouble)
            begins.cancel()
            await asyncio.gather(begins, return_exceptions=True)
            outbox.done(delivery, "expired", "too late")
        await until(lambda: states(tmp_path) == ["expired"])


@pytest.mark.parametrize("jump_s", [-HOUR_S, HOUR_S])
async def test_a_clock_that_jumps_within_a_run_changes_nothing(tmp_path, jump_s):
    now = [time.time()]
    async with opened(tmp_path, sink(), sink("once", idempotent=False), wall=lambda: now[0]) as outbox:
        outbox.put(command(1, ("out", "once")))
        loop_now = asyncio.get_running_loop().time()
        now[0] += jump_s
        outbox._prune()
        for name in ("out", "once"):
            delivery = await taken(outbox, name)
            assert loop_now + 59 < delivery.deadline < loop_now + 62
            await outbox.begins(delivery)
            outbox.done(delivery, "delivered")
        outbox._prune()
    assert states(tmp_path) == ["delivered", "delivered"]


@pytest.mark.parametrize(
    ("later_s", "once"), [(5, "waiting"), (61, "expired"), (HOUR_S, "expired"), (-HOUR_S, "expired")]
)
async def test_after_a_pause_or_a_jump_of_the_clock_the_next_run_loses_nothing_and_sends_nothing_too_late(
    tmp_path, later_s, once
):
    now = time.time()
    sinks = (sink(), sink("once", idempotent=False))
    async with opened(tmp_path, *sinks, wall=lambda: now) as outbox:
        outbox.put(command(1, ("out", "once")))
    async with opened(tmp_path, *sinks, wall=lambda: now + later_s) as outbox:
        loop_now = asyncio.get_running_loop().time()
        assert loop_now + 58 < (await taken(outbox)).deadline < loop_now + 61
        if once == "waiting":
            assert loop_now + 53 < (await taken(outbox, "once")).deadline < loop_now + 56
        assert outbox.pending == (2 if once == "waiting" else 1)
    assert states(tmp_path) == ["waiting", once]


async def test_a_row_that_cannot_be_read_is_set_aside_and_stops_nothing(tmp_path):
    async with opened(tmp_path) as outbox:
        for number in range(1, 7):
            outbox.put(command(number))
    bad = keys(1, 2, 3, 4)
    changed(tmp_path, "UPDATE commands SET body = '{' WHERE key = ?", bad[0])
    changed(tmp_path, "DELETE FROM commands WHERE key = ?", bad[1])
    changed(tmp_path, "UPDATE deliveries SET state = 'gone' WHERE key = ?", bad[2])
    changed(tmp_path, "UPDATE deliveries SET key = CAST(x'ff' AS TEXT) WHERE key = ?", bad[3])
    changed(tmp_path, "UPDATE commands SET body = ? WHERE key = ?", encoded(command(5))[:-1] + ',"x":1}', keys(5)[0])
    async with opened(tmp_path) as outbox:
        assert (outbox.pending, (await taken(outbox)).key) == (1, keys(6)[0])
        assert {(closed.command, closed.state) for closed in outbox.closed_at_start} == {(None, "failed")}
        assert len(outbox.closed_at_start) == 5
        await until(lambda: outbox.dead == 5)
    found = sorted((state, fault.partition(":")[0]) for state, _, fault in deliveries(tmp_path).values())
    assert found == [("failed", "the row can't be read")] * 5 + [("waiting", "")]
    async with opened(tmp_path) as outbox:
        assert (outbox.pending, outbox.closed_at_start) == (1, []), "told once"


async def test_a_sink_that_is_configured_no_more_keeps_its_dead(tmp_path):
    async with opened(tmp_path, sink(), sink("gone")) as outbox:
        outbox.put(command(1, ("out", "gone")))
    async with opened(tmp_path) as outbox:
        assert (outbox.pending, outbox.woken) == (1, ["out"])
    assert [*deliveries(tmp_path).values()][1] == ("failed", 0, "the configuration has no such sink any more")


async def test_what_an_operator_retries_is_taken_again_and_what_is_discarded_is_not(tmp_path):
    async with opened(tmp_path) as outbox:
        for number in (1, 2):
            outbox.put(command(number))
        first = await taken(outbox)
        outbox.done(first, "failed", "status 400")
        await asked(outbox, tmp_path, "discarded", keys(2)[0])
        await until(lambda: outbox.pending == 0)
        assert outbox.take("out") is None
        outbox.woken.clear()
        await asked(outbox, tmp_path, "waiting", keys(1)[0])
        await until(lambda: outbox.woken)
        again = await taken(outbox)
        assert (again.key, again.attempts) == (keys(1)[0], 0)
        assert again.deadline > asyncio.get_running_loop().time() + 55
        outbox.done(again, "delivered")
        await until(lambda: outbox.dead == 0)
    assert states(tmp_path) == ["delivered", "discarded"]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_is_discarded_while_it_is_under_way_begins_no_more(tmp_path, idempotent):
    async with opened(tmp_path, sink(idempotent=idempotent)) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        await asked(outbox, tmp_path, "discarded", delivery.key)
        await until(lambda: delivery.withdrawn)
        with pytest.raises(WithdrawnError):
            await outbox.begins(delivery)
        outbox.done(delivery, "discarded")
    assert [*deliveries(tmp_path).values()] == [("discarded", 0, "")]


async def test_a_discard_that_has_not_been_noticed_yet_still_holds_where_it_must(tmp_path):
    """The state file decides which came first: the operator or the transfer."""
    async with opened(tmp_path, sink(idempotent=False)) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        changed(tmp_path, "UPDATE deliveries SET state = 'discarded'")  # and says nothing
        with pytest.raises(WithdrawnError):
            await outbox.begins(delivery)


async def test_a_discard_taken_back_while_it_is_under_way_leaves_it(tmp_path):
    async with opened(tmp_path) as outbox:
        outbox.put(command(1))
        delivery = await taken(outbox)
        await asked(outbox, tmp_path, "discarded", delivery.key)
        await asked(outbox, tmp_path, "waiting", delivery.key)
        await until(lambda: not delivery.withdrawn)
        assert outbox.pending == 1


async def test_a_retry_for_a_sink_that_is_none_ends_it_and_a_strange_row_is_told(tmp_path):
    async with opened(tmp_path, sink(), sink("gone")) as outbox:
        outbox.put(command(1, ("gone",)))
        outbox.put(command(2))
    async with opened(tmp_path) as outbox:
        await until(lambda: outbox.dead == 1)
        with capture_logs() as logs:
            await asked(outbox, tmp_path, "waiting", keys(1)[0])
            await until(lambda: states(tmp_path)[0] == "failed" and logs)
            changed(tmp_path, "UPDATE commands SET body = ''")
            await asked(outbox, tmp_path, "waiting", keys(2)[0])
            await until(lambda: len(logs) == 2)
    assert [line["event"] for line in logs] == [
        "A command that was to be tried again has no sink",
        "A row that was changed by hand can't be read",
    ]


async def test_what_has_ended_is_forgotten_by_age_and_by_number_and_what_is_owed_is_not(tmp_path):
    now = [time.time() - 1000]
    more = {"wall": lambda: now[0], "keep_s": 500, "keep": 2}

    async def ended(outbox, number, state):
        outbox.put(command(number))
        outbox.done(await taken(outbox), state)

    async with opened(tmp_path, **more) as outbox:
        await ended(outbox, 1, "delivered")
        await ended(outbox, 2, "failed")
        outbox.put(command(3))
        await taken(outbox)
        now[0] += 600
        for number in range(4, 8):
            now[0] += 1
            await ended(outbox, number, "delivered" if number % 2 else "expired")
        for number in (8, 9):
            now[0] += 1
            await ended(outbox, number, "delivered")
        outbox._prune()
        await until(lambda: outbox.dead == 2 and len(deliveries(tmp_path)) == 5)
    assert [key for key, _ in deliveries(tmp_path)] == keys(3, 4, 6, 8, 9)
    with closing(connect(tmp_path)) as connection:
        assert connection.execute("SELECT key FROM commands ORDER BY number").fetchall() == [
            (key,) for key in keys(3, 4, 6, 8, 9)
        ]


async def test_the_file_stays_bounded(tmp_path):
    """Thirty times as many commands as are kept: the file is no greater than after five times as many."""
    sizes = []
    async with opened(tmp_path, keep=20) as outbox:
        for number in range(600):
            outbox.put(command(number))
            outbox.done(await taken(outbox), "delivered")
            if number % 20 == 19:
                outbox._timer.cancel()
                outbox._prune()
            if number in (100, 599):
                sizes.append((tmp_path / FILE_NAME).stat().st_size)
    assert len(deliveries(tmp_path)) <= 40
    assert (tmp_path / FILE_NAME).stat().st_size < 200_000, sizes


async def test_a_damaged_file_stops_the_start_in_one_line(tmp_path):
    async with opened(tmp_path) as outbox:
        for number in range(300):
            outbox.put(command(number))
    whole = bytearray((tmp_path / FILE_NAME).read_bytes())
    whole[8192:] = b"\xaa" * (len(whole) - 8192)
    (tmp_path / FILE_NAME).write_bytes(whole)
    with pytest.raises(ConfigError, match=r"can't be read|can't be used"):
        async with opened(tmp_path):
            pass


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    with mounted(tmp_path / "disk", "size=1m") as folder:
        yield folder


async def test_a_disk_that_is_full_keeps_commands_waiting_until_there_is_room(small_disk):
    async with opened(small_disk / "var", capacity=500) as outbox:
        outbox.put(command(1))
        first = await taken(outbox)
        (small_disk / "filler").write_bytes(b"")
        with (small_disk / "filler").open("ab", buffering=0) as filler, suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        for number in range(2, 200):
            assert outbox.put(command(number)) == ()
        outbox.done(first, "delivered")
        await until(lambda: outbox.state.trouble)
        assert "full" in outbox.state.trouble
        assert outbox.take("out") is None
        (small_disk / "filler").unlink()
        assert [(await taken(outbox)).key for _ in range(198)] == keys(*range(2, 200))
        assert outbox.state.trouble is None
        await until(lambda: states(small_disk / "var") == ["delivered"] + ["waiting"] * 198)


async def test_a_genuinely_full_file_refuses_nothing_that_there_is_room_for_in_memory(tmp_path):
    """SQLite's own SQLITE_FULL, then room again."""
    async with opened(tmp_path, capacity=50) as outbox:
        outbox.put(command(1))
        await taken(outbox)
        connection = outbox.state._connection
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with capture_logs() as logs:
            refused = [number for number in range(2, 100) if outbox.put(command(number))]
            await until(lambda: outbox.state.trouble)
            assert "full" in outbox.state.trouble
            assert refused == list(range(51, 100))
            assert outbox.take("out") is None
            connection.execute("PRAGMA max_page_count = 100000")
            got = [(await taken(outbox)).key for _ in range(49)]
    assert got == keys(*range(2, 51))
    assert [line["log_level"] for line in logs] == ["error", "info"]
    assert isinstance(outbox.state, StateFile)
    assert len(states(tmp_path)) == 50
