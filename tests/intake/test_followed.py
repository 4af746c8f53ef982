"""What a crash must not make the engine forget, on a real disk."""

import asyncio
from contextlib import asynccontextmanager, closing

import pytest

from engine.errors import ConfigError
from engine.intake.clocks import moment_now
from engine.intake.conversation import Conversation
from engine.intake.followed import FOLLOWED_TABLES, Followed, Known
from engine.intake.past import Moment, Past
from engine.intake.registry import Conversations
from engine.metrics import Metrics
from engine.state_connection import FILE_NAME, connect
from engine.state_file import StateFile
from tests.support.realtime import FakeShards
from tests.support.waiting import until

PLACE = Past(4000, Moment(1_000.5, 20.25, "boot"))


@asynccontextmanager
async def engine(folder):
    """What an earlier engine left, and the rows of this one."""
    state, followed = StateFile.open(folder, FOLLOWED_TABLES), Followed()
    known = followed.begin(state)
    state.start()
    yield known, followed
    assert await state.close(5)


def rows(folder):
    with closing(connect(folder)) as connection:
        return connection.execute("SELECT conversation_id, position_ms FROM followed ORDER BY added_s").fetchall()


def conversation(name, past=None):
    return Conversation(name, "realtime", Metrics(), lambda _: None, past=past)


async def test_what_was_followed_is_known_to_the_next_engine_the_oldest_first(tmp_path):
    async with engine(tmp_path) as (known, followed):
        assert known == []
        followed.added(conversation("b", PLACE), Moment(1.0, 1.0, ""))
        followed.added(conversation("a"), Moment(2.0, 1.0, ""))
        followed.added(conversation("gone"), Moment(3.0, 1.0, ""))
        followed.left("gone")
        followed.left("never")
    async with engine(tmp_path) as (known, followed):
        assert known == [Known("b", "realtime", PLACE), Known("a", "realtime", None)]
        followed.forget(known[0])
    assert rows(tmp_path) == [("a", None)]


async def test_who_asks_waits_until_it_is_on_the_disk(tmp_path):
    async with engine(tmp_path) as (_, followed):
        followed.added(conversation("a"), moment_now())
        await followed.on_disk()
        assert rows(tmp_path) == [("a", None)]


async def test_who_asks_does_not_wait_for_ever(tmp_path):
    async with engine(tmp_path) as (_, followed):
        with closing(connect(tmp_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            followed.added(conversation("a"), moment_now())
            async with asyncio.timeout(5):
                await followed.on_disk(0.05)
            assert rows(tmp_path) == []
            other.execute("ROLLBACK")
        await followed.on_disk()
        assert rows(tmp_path) == [("a", None)]


async def test_before_there_is_a_file_nothing_is_noted_nor_waited_for():
    followed = Followed()
    followed.added(conversation("a"), moment_now())
    followed.noted([conversation("a", PLACE)])
    await followed.on_disk()


async def test_positions_are_noted_from_the_first_audio_on(tmp_path):
    silent, heard = conversation("silent"), conversation("heard")
    async with engine(tmp_path) as (_, followed):
        for each in (silent, heard):
            followed.added(each, moment_now())
        assert heard.audio_begins() == 0
        heard.heard(16 * 7000)
        followed.noted([silent, heard])
    assert sorted(rows(tmp_path)) == [("heard", 7000), ("silent", None)]


async def test_positions_are_noted_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.intake.followed.NOTE_S", 0.01)
    call = conversation("a")
    async with engine(tmp_path) as (_, followed):
        followed.added(call, moment_now())
        call.audio_begins()
        noting = asyncio.create_task(followed.keep_noting(lambda: [call]))
        for position_ms in (1000, 2000):
            call.heard(16 * 1000)
            await until(lambda: rows(tmp_path) == [("a", position_ms)])  # noqa: B023
        noting.cancel()


async def test_a_life_goes_on_where_the_last_one_was_and_what_was_missed_is_a_gap(tmp_path):
    """Twice over: no audio came in the second life."""
    then = Moment(1_000_000.0, 100.0, "boot")
    past = Past(60_000, then)
    second = Conversation("a", "realtime", Metrics(), lambda _: None, past=past, resumed=True)
    assert second.note() == past
    metrics = Metrics()
    now = Moment(2.0, 103.5, "boot")
    third = Conversation("a", "realtime", metrics, lambda _: None, past=second.note(), resumed=True, moment=lambda: now)
    assert third.audio_begins() == 63_500
    third.heard(16 * 20)
    third.missed(480)
    assert third.note() == Past(64_000, now)
    assert (third.info.gap_ms, third.info.audio_ms) == (3500 + 480, 20)
    assert metrics.registry.get_sample_value("cueline_audio_gap_seconds_total") == 3.98


async def test_a_row_of_a_later_cueline_is_left_alone(tmp_path, capfd):
    async with engine(tmp_path):
        pass
    with closing(connect(tmp_path)) as connection:
        connection.execute("INSERT INTO followed VALUES ('x', 'audiohook', 1, NULL, NULL, NULL, NULL)")
    async with engine(tmp_path) as (known, _):
        assert known == []
    assert rows(tmp_path) == [("x", None)]
    assert "unknown kind" in capfd.readouterr().out


async def test_which_are_kept_for_the_next_engine(tmp_path):
    """Those that a stop cut off, unless who stopped it does not mean to go on; no others."""
    ending = asyncio.Event()

    async def follow(call, _lease):
        call.audio_begins()
        call.heard(1600)
        await (ending.wait() if call.conversation_id == "ends" else asyncio.Event().wait())
        call.end("ended", "over")

    for forget in (True, False):
        ending.clear()
        async with engine(tmp_path) as (known, followed):
            assert known == []
            calls = Conversations(follow, FakeShards(), followed, Metrics(), lambda _: None)
            for name in ("ends", "removed", "failed", "cut-off"):
                calls.add(name)
            await calls.kept()
            assert sorted(name for name, _ in rows(tmp_path)) == ["cut-off", "ends", "failed", "removed"]
            ending.set()
            await calls.remove("removed")
            calls.fail("failed", "quarantined")
            await until(lambda: calls.live == 1)  # noqa: B023
            calls.forget_drained = forget
            await calls.drain(0)
        assert rows(tmp_path) == ([] if forget else [("cut-off", 100)])


def test_the_boot_clock_is_told_with_its_boot():
    now = moment_now()
    assert len(now.boot_id) == 36
    assert moment_now().boot_s >= now.boot_s > 0


@pytest.mark.parametrize(
    "place", [(-1, 1.0, 1.0, "boot"), (2**60, 1.0, 1.0, "boot"), (5, float("inf"), 1.0, "boot"), (5, None, 1.0, "boot")]
)
async def test_a_position_that_is_none_is_no_past(tmp_path, place):
    async with engine(tmp_path):
        with closing(connect(tmp_path)) as connection:
            connection.execute("INSERT INTO followed VALUES ('a', 'realtime', 1.0, ?, ?, ?, ?)", place)
    async with engine(tmp_path) as (known, _):
        assert known == [Known("a", "realtime", None)]


async def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    async with engine(tmp_path) as (_, followed):
        followed.added(conversation("a"), Moment(1.0, 1.0, ""))
    file = tmp_path / FILE_NAME
    image = file.read_bytes()
    file.write_bytes(image[:4096] + b"X" * (len(image) - 4096))  # the first page lists the tables, the rest are rows
    with pytest.raises(ConfigError, match=r"cueline\.sqlite3 can't be (read|used)"):
        async with engine(tmp_path):
            pass
