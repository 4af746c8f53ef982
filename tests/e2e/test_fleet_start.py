"""How an engine begins that is to be a node: Redis is there, or not; it was alone before, and its calls go on in the fleet."""

import sqlite3
from contextlib import closing

from engine.state_connection import FILE_NAME
from tests.support.engine import done
from tests.support.fleet_nodes import kill, node, until_live
from tests.support.following import QUICK, running, simulator
from tests.support.redis_server import Redis, redis_fixture  # noqa: F401
from tests.support.waiting import until

WELL = {"GENESYS_CLIENT_ID": "id", "GENESYS_CLIENT_SECRET": "s3cret", "CUELINE_ADMIN_PORT": "0"}


def nowhere(tmp_path) -> Redis:
    """A Redis that was there once: nobody listens at its address."""
    folder = tmp_path / "gone"
    folder.mkdir()
    gone = Redis(folder)
    gone.start()
    gone.kill()
    return gone


async def test_without_redis_a_node_ends_and_says_what_is_wrong_and_what_to_do(tmp_path):
    gone = nowhere(tmp_path)
    config = tmp_path / "cueline.toml"
    config.write_text(QUICK)
    environment = WELL | {"CUELINE_REDIS_URL": gone.url, "CUELINE_STATE_DIR": str(tmp_path / "var")}
    code, _, err = await done("run", "--config", config, environment=environment, cwd=tmp_path)
    assert code == 2
    assert f"Redis at 127.0.0.1:{gone.port} can't be reached" in err
    assert "without_redis" in err


async def test_a_wrong_password_is_said_and_not_shown(tmp_path, redis):
    redis.ask("CONFIG", "SET", "requirepass", "the right one")
    redis.password = "the right one"
    environment = WELL | {
        "CUELINE_REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        "CUELINE_REDIS_PASSWORD": "the-wrong-one",
        "CUELINE_STATE_DIR": str(tmp_path / "var"),
    }
    code, _, err = await done("run", environment=environment, cwd=tmp_path)
    assert code == 2
    assert f"Redis at 127.0.0.1:{redis.port}" in err
    assert "password" in err
    assert "the-wrong-one" not in err


async def test_without_redis_an_engine_that_may_works_alone_says_so_and_follows_what_is_posted(tmp_path):
    async with simulator("--calls", 2, "--loop") as cloud:
        gone = nowhere(tmp_path)
        alone = node("one", gone, cloud.follow(1), tmp_path, more='without_redis = "alone"\n')
        async with alone as one:
            told = await one.command.says("There is no fleet: this engine works alone")
            assert f"127.0.0.1:{gone.port} can't be reached" in told["fault"]
            await one.comes_to(cloud.ids[0], "listening")
            status, body = await one.follow(cloud.ids[1])
            assert (status, body["conversation_id"]) == (201, cloud.ids[1])
            await one.comes_to(cloud.ids[1], "listening")
            assert (await one.ask("GET", "/v1/fleet"))[0] == 404
            assert "fleet" not in (await one.ask("GET", "/readyz"))[1]["conditions"]
            assert (await one.ask("DELETE", f"/v1/conversations/{cloud.ids[1]}"))[0] in (200, 204)


async def test_calls_of_an_earlier_engine_without_a_fleet_go_on_in_the_fleet_at_their_place(tmp_path, redis):
    async with simulator("--calls", 2, "--loop") as cloud:
        home = tmp_path / "one"
        home.mkdir()
        async with running(cloud.follow(1, 2) | {"CUELINE_SHARDS": "1"}, home, QUICK) as before:
            for conversation_id in cloud.ids:
                await before.comes_to(conversation_id, "listening")
            await until(lambda: all(position for _, position in followed(home)))
            noted = dict(followed(home))
            kill(before)
            await before.command.vanished()
        common = {name: value for name, value in cloud.environment.items() if name != "GENESYS_CONVERSATION_ID"}
        async with node("one", redis, common, tmp_path) as one:
            assert await until_live(one, 2) == set(cloud.ids)
            for conversation_id in cloud.ids:
                await until(lambda key=conversation_id: place(redis, key) > noted[key])
            await until(lambda: not followed(home))
            assert await one.metric("cueline_audio_gap_seconds_total") > 0
            assert await one.metric("cueline_fleet_claims_total") == 2


def followed(home):
    """What the engine of this folder has on record: conversations and where their audio was."""
    with closing(sqlite3.connect(f"file:{home / 'var' / FILE_NAME}?mode=ro", uri=True)) as rows:
        return rows.execute("SELECT conversation_id, position_ms FROM followed").fetchall()


def place(redis, conversation_id) -> int:
    """Where the fleet has its audio, in ms; -1 where it knows nothing of it."""
    return int((redis.ask("HGET", "{cueline:default}:past", conversation_id) or "-1").split()[0])
