"""The doctor and a fleet's Redis: a real one as it should be, and each way in which it isn't."""

import pytest
from pydantic import SecretStr

from engine.doctor import examine
from engine.doctor_fleet import check_fleet, check_redis_sinks, judge_redis
from engine.options import FleetOptions, LogSink, RedisSink
from tests.support.redis_server import Redis, redis_fixture, redis_server  # noqa: F401
from tests.test_doctor import by_name

WELL = {
    "redis_version": "7.0.15", "role": "master", "used_memory": "2000000", "maxmemory": "100000000", "maxmemory_policy": "noeviction",
    "aof_enabled": "1", "aof_last_write_status": "ok", "connected_slaves": "1",
}  # fmt: skip


def options(redis: Redis, **settings) -> FleetOptions:
    return FleetOptions(redis_url=SecretStr(redis.url), node="a", **settings)


def judged(**changes):
    return [(check.name, check.verdict) for check in judge_redis("f", "told", WELL | changes, knows=True, took_s=0.001)]


async def test_without_a_fleet_nothing_is_looked_at():
    assert await check_fleet(FleetOptions()) == []
    assert await check_redis_sinks([LogSink(name="log")]) == []


async def test_a_redis_as_it_should_be(tmp_path):
    with redis_server(tmp_path / "redis", aof=True, options={"maxmemory": "100mb"}) as redis:
        first, memory, keeps = await check_fleet(options(redis))
    assert {check.verdict for check in (first, memory, keeps)} == {"ok"}
    assert first.name == "fleet default"
    assert f" at 127.0.0.1:{redis.port}, " in first.found
    assert memory.found.endswith("MB used of 105 MB, noeviction")
    assert keeps.found == "append-only file, 0 replicas"


async def test_one_that_forgets(redis):
    first, memory, keeps = await check_fleet(options(redis))
    assert [check.verdict for check in (first, memory, keeps)] == ["ok", "warn", "warn"]
    assert "appendonly yes" in keeps.advice


async def test_one_that_evicts(redis):
    redis.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    checks = by_name(await check_fleet(options(redis)))
    assert checks["fleet default memory"].verdict == "fail"
    assert "noeviction" in checks["fleet default memory"].advice


async def test_one_that_is_not_there(redis):
    redis.kill()
    (check,) = await check_fleet(options(redis))
    assert (check.verdict, f"127.0.0.1:{redis.port}" in check.found) == ("fail", True)
    assert "CUELINE_REDIS_URL" in check.advice


async def test_a_wrong_password(tmp_path):
    with redis_server(tmp_path / "redis", password="open-sesame") as redis:
        address = SecretStr(f"redis://127.0.0.1:{redis.port}")
        for password in (None, SecretStr("close-sesame")):
            (check,) = await check_fleet(FleetOptions(redis_url=address, redis_password=password))
            assert check.verdict == "fail"
            assert "CUELINE_REDIS_PASSWORD" in check.advice
            assert "sesame" not in str(check)


async def test_a_replica(redis):
    redis.ask("REPLICAOF", "127.0.0.1", "1")
    (check,) = await check_fleet(options(redis))
    assert (check.verdict, check.advice) == ("fail", "give the primary's address")


async def test_one_that_is_too_old(tmp_path):
    with redis_server(tmp_path / "redis", options={"rename-command": 'XAUTOCLAIM ""'}) as redis:
        (check,) = await check_fleet(options(redis))
    assert (check.verdict, "XAUTOCLAIM" in check.found) == ("fail", True)


@pytest.mark.parametrize(
    ("changes", "verdicts"),
    [
        ({}, ["ok", "ok", "ok"]),
        ({"maxmemory": "0"}, ["ok", "warn", "ok"]),
        ({"used_memory": "80000001"}, ["ok", "warn", "ok"]),
        ({"maxmemory_policy": "volatile-ttl"}, ["ok", "fail", "ok"]),
        ({"aof_enabled": "0"}, ["ok", "ok", "warn"]),
        ({"aof_last_write_status": "err"}, ["ok", "ok", "fail"]),
        ({"role": "slave"}, ["fail"]),
    ],
)
def test_what_info_says(changes, verdicts):
    assert [verdict for _, verdict in judged(**changes)] == verdicts


def test_one_far_away():
    far, *_ = judge_redis("f", "told", WELL, knows=True, took_s=0.051)
    assert far.verdict == "warn"


async def test_a_sink_whose_redis_is_down_is_a_warning(redis):
    sink = RedisSink(name="stream", url=SecretStr(redis.url))
    (check,) = await check_redis_sinks([sink])
    assert (check.name, check.verdict) == ("redis stream", "ok")
    assert "stream cueline:events" in check.found
    redis.kill()
    (check,) = await check_redis_sinks([sink])
    assert check.verdict == "warn"


async def test_the_doctor_looks_at_it(redis):
    environment = {
        "GENESYS_CLIENT_ID": "i",
        "GENESYS_CLIENT_SECRET": "s",
        "CUELINE_ADMIN_PORT": "0",
        "CUELINE_REDIS_URL": redis.url,
    }
    checks = by_name(await examine(None, environment))
    assert checks["fleet default"].verdict == "ok"
