"""The sink `redis` before a real redis-server: once, bounded, readable by groups, and what is said when Redis refuses."""

import asyncio
import sys

import orjson
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis as Reader
from redis.crc import key_slot

from engine.commands.redis_stream import RedisStream, remembered_under
from engine.commands.sinks import open_sinks
from engine.errors import ConfigError, SinkError
from engine.options import RedisSink
from tests.support.commands import BASE, Noted, attempted, command
from tests.support.redis_server import Redis, redis_fixture, redis_server  # noqa: F401
from tests.support.waiting import until

STREAM = "cueline:events"


@pytest.fixture
async def sink_of():
    """Makes sinks, and closes them."""
    made = []

    def make(redis: Redis, **settings):
        settings = {"timeout_s": 5.0, "url": SecretStr(redis.url)} | settings
        made.append(RedisStream(RedisSink(name="events", **settings)))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def entries(redis: Redis, stream: str = STREAM):
    async with Reader.from_url(redis.url) as reader:
        return [fields for _, fields in await reader.xrange(stream)]


async def fault_of(sink, it=BASE) -> SinkError:
    with pytest.raises(SinkError) as caught:
        await sink.deliver(it)
    assert "please transfer me" not in str(caught.value)
    return caught.value


async def test_an_entry_is_the_webhooks_body_and_its_key(redis, sink_of):
    await sink_of(redis).deliver(BASE)
    (fields,) = await entries(redis)
    assert set(fields) == {b"id", b"event"}
    assert fields[b"id"].decode() == BASE.idempotency_key
    assert orjson.loads(fields[b"event"]) == BASE.body()


async def test_a_command_that_is_sent_again_and_again_is_there_once(redis, sink_of):
    sinks = [sink_of(redis, concurrency=8) for _ in range(2)]  # of two engines
    await asyncio.gather(*(sinks[n % 2].deliver(command(n % 5)) for n in range(60)))
    ids = sorted(fields[b"id"].decode() for fields in await entries(redis))
    assert ids == [command(n).idempotency_key for n in range(5)]


async def test_it_is_remembered_for_once_s_and_no_longer(redis, sink_of):
    await sink_of(redis, once_s=60).deliver(BASE)
    async with Reader.from_url(redis.url) as reader:
        key = remembered_under(STREAM) + BASE.idempotency_key
        assert 55_000 < await reader.pttl(key) <= 60_000
        await reader.pexpire(key, 1)
        while await reader.exists(key):
            await asyncio.sleep(0.01)
    await sink_of(redis).deliver(BASE)
    assert len(await entries(redis)) == 2


async def test_the_stream_is_bounded_and_the_newest_stay(redis, sink_of):
    sink = sink_of(redis, max_length=300, concurrency=16)
    for first in range(0, 1200, 100):
        await asyncio.gather(*(sink.deliver(command(n)) for n in range(first, first + 100)))
    ids = {fields[b"id"].decode() for fields in await entries(redis)}
    assert 300 <= len(ids) <= 400  # Redis trims whole nodes of 100
    assert ids >= {command(n).idempotency_key for n in range(1100, 1200)}


async def test_readers_of_a_group_share_the_events(redis, sink_of):
    async with Reader.from_url(redis.url) as reader:
        await reader.xgroup_create(STREAM, "crm", id="0", mkstream=True)
        sink = sink_of(redis)
        for number in range(6):
            await sink.deliver(command(number))
        taken = {}
        for who in ("one", "two"):
            ((_, got),) = await reader.xreadgroup("crm", who, {STREAM: ">"}, count=3)
            taken[who] = [orjson.loads(fields[b"event"])["id"] for _, fields in got]
    assert taken == {
        "one": [command(n).idempotency_key for n in (0, 1, 2)],
        "two": [command(n).idempotency_key for n in (3, 4, 5)],
    }


async def test_while_redis_is_away_it_is_tried_again_and_added_once(redis, sink_of):
    sink, noted = sink_of(redis, timeout_s=1.0, deadline_s=60), Noted()
    await sink.deliver(command(1))
    redis.kill()
    fault = await fault_of(sink)
    assert (fault.retryable, fault.happened) == (True, "unknown")
    assert str(fault).startswith(f"sink events: Redis at 127.0.0.1:{redis.port} can't be reached")
    async with asyncio.TaskGroup() as group:
        group.create_task(attempted(sink, command(2), noted, 60))
        await until(lambda: noted.told)
        redis.start()
    assert [fields[b"id"].decode() for fields in await entries(redis)] == [command(2).idempotency_key]


async def test_an_answer_that_was_lost_makes_no_second_event(redis, sink_of):
    sink, noted = sink_of(redis, timeout_s=0.5, deadline_s=60), Noted()
    await sink.deliver(command(1))
    redis.freeze()
    async with asyncio.TaskGroup() as group:
        group.create_task(attempted(sink, command(2), noted, 60))
        await until(lambda: noted.told)  # it stands in the socket, and is run after the thaw
        redis.thaw()
    assert [fields[b"id"].decode() for fields in await entries(redis)] == [
        command(1).idempotency_key,
        command(2).idempotency_key,
    ]


async def test_a_redis_that_is_full_may_have_room_later(redis, sink_of):
    sink = sink_of(redis)
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    fault = await fault_of(sink)
    assert (fault.retryable, fault.happened) == (True, "no")
    assert "out of memory" in str(fault)
    redis.ask("CONFIG", "SET", "maxmemory", "0")
    await sink.deliver(BASE)
    assert len(await entries(redis)) == 1


async def test_a_replica_may_be_the_primary_soon(redis, sink_of):
    sink = sink_of(redis)
    redis.ask("REPLICAOF", "127.0.0.1", "1")
    fault = await fault_of(sink)
    assert (fault.retryable, fault.happened) == (True, "no")
    assert "replica" in str(fault)
    redis.ask("REPLICAOF", "NO", "ONE")
    await sink.deliver(BASE)
    assert len(await entries(redis)) == 1


async def test_a_wrong_password_is_final_and_not_shown(tmp_path, sink_of):
    with redis_server(tmp_path / "redis", password="open-sesame") as redis:
        address = SecretStr(f"redis://127.0.0.1:{redis.port}/0")
        for password in (None, SecretStr("close-sesame")):
            fault = await fault_of(sink_of(redis, url=address, password=password))
            assert (fault.retryable, fault.happened) == (False, "no")
            assert "sesame" not in str(fault)
        await sink_of(redis, url=address, password=SecretStr("open-sesame")).deliver(BASE)
        assert len(await entries(redis)) == 1


async def test_a_key_of_another_type_is_final_and_nothing_is_remembered(redis, sink_of):
    redis.ask("SET", STREAM, "no stream")
    sink = sink_of(redis)
    fault = await fault_of(sink)
    assert (fault.retryable, fault.happened) == (False, "no")
    assert "WRONGTYPE" in str(fault)
    redis.ask("DEL", STREAM)
    await sink.deliver(BASE)
    assert len(await entries(redis)) == 1


@pytest.mark.parametrize("stream", ["cueline:events", "{cueline:default}:events", "a{b", "x{y}{z}"])
def test_in_a_cluster_stream_and_keys_are_in_one_slot(stream):
    assert key_slot((remembered_under(stream) + BASE.idempotency_key).encode()) == key_slot(stream.encode())


async def test_without_the_library_the_start_is_refused_and_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match=r"sinks\.events\.url: .*cueline\[fleet\]"):
        async with open_sinks([RedisSink(name="events", url=SecretStr("redis://127.0.0.1:1/0"))], None):
            pass


async def test_its_connections_are_closed_with_the_sinks(redis):
    async with open_sinks([RedisSink(name="events", url=SecretStr(redis.url))], None) as sinks:
        await sinks["events"].deliver(BASE)
        assert connected(redis) == 2
    await until(lambda: connected(redis) == 1)


def connected(redis: Redis) -> int:
    """Clients of it, the one that asks among them."""
    return int(redis.ask("INFO", "clients").split("connected_clients:")[1].split("\r")[0])
