"""The client: replies as Redis sent them, deadlines, scripts by hash, and every error as FleetError without the address."""

import asyncio
import builtins
import socket
import ssl

import pytest
from pydantic import SecretStr
from redis.exceptions import ConnectionError as LibraryError

from engine.errors import FLEET_KINDS, ConfigError, FleetError
from engine.redis_client import Script, open_redis, place
from tests.support.redis_server import redis_fixture, redis_server  # noqa: F401 - a fixture


async def test_replies_are_as_they_were_sent(redis):
    client = redis.client()
    assert await client.run("SET", "a", "b") == b"OK"
    assert await client.run("GET", "a") == b"b"
    assert await client.run("GET", "none") is None
    assert await client.run("XADD", "s", "1-1", "f", "v") == b"1-1"
    assert await client.run("XRANGE", "s", "-", "+") == [[b"1-1", [b"f", b"v"]]]
    assert await client.run("ZADD", "z", "1.5", "m") == 1
    assert await client.run("ZSCORE", "z", "m") == b"1.5"
    await client.close()


async def test_a_script_is_sent_whole_once(redis):
    client = redis.client()
    script = Script("return {KEYS[1], ARGV[1]}")
    for _ in range(3):
        assert await client.script(script, ["k"], 5) == [b"k", b"5"]
    assert redis.ask("INFO", "commandstats").split("cmdstat_eval:calls=")[1].startswith("1,")
    redis.ask("SCRIPT", "FLUSH")
    assert await client.script(script, ["k"], 5) == [b"k", b"5"]
    await client.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("NOAUTH Authentication required.", "refused"),
        ("WRONGPASS invalid username-password pair", "refused"),
        ("NOPERM this user has no permissions", "refused"),
        ("DENIED Redis is running in protected mode", "refused"),
        ("READONLY You can't write against a read only replica.", "readonly"),
        ("NOREPLICAS Not enough good replicas to write.", "readonly"),
        ("OOM command not allowed when used memory > 'maxmemory'.", "full"),
        ("MISCONF Errors writing to the AOF file", "full"),
        ("LOADING Redis is loading the dataset in memory", "unreachable"),
        ("MASTERDOWN Link with MASTER is down", "unreachable"),
        ("BUSY Redis is busy running a script.", "unreachable"),
        ("MOVED 1 127.0.0.1:1", "protocol"),
        ("CROSSSLOT Keys in request don't hash to the same slot", "protocol"),
        ("ERR unknown command 'x'", "old"),
        ("ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write", "readonly"),  # before 7
        ("BUSYGROUP Consumer Group name already exists", "protocol"),
        ("SOMETHING else", "protocol"),
    ],
)
async def test_every_answer_has_its_kind(redis, said, kind):
    client = redis.client()
    with pytest.raises(FleetError) as caught:
        await client.run("EVAL", "return redis.error_reply(ARGV[1])", 0, said)
    assert caught.value.kind == kind
    assert kind in FLEET_KINDS
    assert str(caught.value).startswith(f"Redis at 127.0.0.1:{redis.port}")
    await client.close()


async def said_by(url: str) -> str:
    client = open_redis(SecretStr(url), timeout_s=20)
    with pytest.raises(FleetError) as caught:
        await client.run("PING")
    await client.close()
    assert caught.value.kind == "unreachable"
    assert "hush" not in str(caught.value)
    return str(caught.value)


async def without_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"-ERR no TLS here\r\n")
    writer.close()
    await writer.wait_closed()


async def test_why_it_cannot_be_reached(tmp_path):
    refused = "can't be reached (connection refused: is it running there?); the address is CUELINE_REDIS_URL's"
    assert refused in await said_by("redis://:hush@127.0.0.1:1/0")
    assert refused in await said_by("redis://:hush@localhost:1/0"), "of several addresses, too"
    assert "(no such socket file: is it running there?)" in await said_by(f"unix://:hush@{tmp_path}/none.sock")
    plain = await asyncio.start_server(without_tls, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    assert "(no TLS handshake: rediss:// is for a port with TLS)" in await said_by(f"rediss://:hush@127.0.0.1:{port}")
    plain.close()


@pytest.mark.parametrize(
    ("below", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "(name not resolved)"),
        (ssl.SSLCertVerificationError(1, "self-signed hush"), "(certificate not accepted)"),
        (OSError("Multiple exceptions: [Errno 111] a, [Errno 111] b"), "(connection refused: is it running there?)"),
        (OSError(113, "No route to host"), "(no route to host)"),
        (TimeoutError(), "(timed out: is the way to it open?)"),
        (None, "(connection closed)"),
    ],
)
async def test_causes_below_the_librarys_error(monkeypatch, below, words):
    client = open_redis(SecretStr("redis://:hush@h"))

    async def failing(*_):
        raise LibraryError("hush") from below

    monkeypatch.setattr(client._library, "execute_command", failing)
    with pytest.raises(FleetError) as caught:
        await client.run("PING")
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)
    await client.close()


async def test_a_wait_is_added_to_the_deadline_and_ends_with_it(redis):
    client = redis.client(timeout_s=0.05)
    redis.freeze()
    with pytest.raises(FleetError, match=r"no answer in 0\.05 s"):
        await client.run("PING")
    redis.thaw()
    patient = redis.client(timeout_s=20)
    assert await patient.run("BLPOP", "none", 0.01, wait_s=0.01) is None
    with pytest.raises(FleetError, match="no answer"):
        await client.run("BLPOP", "none", 30, wait_s=0.05)
    await client.close()
    await patient.close()


async def test_more_at_once_than_connections_wait_their_turn(redis):
    client = redis.client(timeout_s=20, connections=2)
    got = await asyncio.gather(*(client.run("INCR", "n") for _ in range(50)))
    assert sorted(got) == list(range(1, 51))
    assert redis.ask("CLIENT", "LIST").count("cmd=incr") <= 2
    await client.close()


async def test_what_was_cancelled_leaves_no_reply_behind(redis):
    client = redis.client(timeout_s=20, connections=1)
    waiting = asyncio.create_task(client.run("BLPOP", "queue", 30, wait_s=30))
    async with asyncio.timeout(20):
        while "cmd=blpop" not in redis.ask("CLIENT", "LIST"):
            await asyncio.sleep(0.002)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    redis.ask("RPUSH", "queue", "late")
    assert await client.run("ECHO", "mine") == b"mine"
    await client.close()


def test_places():
    assert place("redis://user:word@h:7000/3?x=word") == "h:7000"
    assert place("rediss://h") == "h:6379"
    assert place("unix://:word@/run/redis.sock") == "/run/redis.sock"


def test_without_the_extra(monkeypatch):
    real = builtins.__import__

    def lacking(name, *more):
        if name.split(".")[0] == "redis":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ConfigError, match=r"pip install 'cueline\[fleet\]'"):
        open_redis(SecretStr("redis://h"))


def test_an_address_that_the_library_does_not_take():
    with pytest.raises(ConfigError, match="redis_url = "):
        open_redis(SecretStr("http://h"))
