"""Two real nodes, seen from each of them and from outside, and their commands in one stream for a group of readers."""

import asyncio
import os
import sys

import orjson
from redis.asyncio import Redis as Reader

from tests.support.engine import ROOT
from tests.support.fleet_nodes import LEASE_S, kill, until_live
from tests.support.following import QUICK, running, simulator
from tests.support.redis_server import redis_fixture  # noqa: F401
from tests.support.waiting import until

PHRASES = ("transfer me", "cancel my order", "stop recording")
CONFIG = QUICK + f"""
[fleet]
lease_s = {LEASE_S}
[[sinks]]
name = "stream"
type = "redis"
""" + "".join(f'[[rules]]\nname = "rule-{n}"\nphrases = ["{text}"]\nsinks = ["stream"]\n' for n, text in enumerate(PHRASES))  # fmt: skip
STREAM = "{cueline:default}:events"


def settings(cloud, redis, name: str) -> dict[str, str]:
    return cloud.follow(1, 2, 3) | {
        "CUELINE_REDIS_URL": redis.url, "CUELINE_NODE": name, "CUELINE_SHARDS": "1", "CUELINE_MAX_CALLS": "2",
    }  # fmt: skip


async def cueline(*words: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "engine", *words), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def test_both_nodes_and_an_onlooker_tell_the_same_and_results_go_out_once(tmp_path, redis):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    async with (
        simulator("--calls", 3, "--loop") as cloud,
        Reader.from_url(redis.url) as reader,
        running(settings(cloud, redis, "one"), tmp_path / "one", CONFIG) as one,
    ):
        await reader.xgroup_create(STREAM, "crm", id="0", mkstream=True)
        await until_live(one, 2)
        status, alone = await one.ask("GET", "/v1/fleet")
        assert (status, alone["waiting"], alone["calls"]) == (200, 1, 2)  # two are what it may take
        async with running(settings(cloud, redis, "two"), tmp_path / "two", CONFIG) as two:
            await until_live(two, 1)
            async with asyncio.timeout(30):
                while (told := [(await each.ask("GET", "/v1/fleet"))[1] for each in (one, two)]) and not all(
                    [node["calls"] for node in fleet["nodes"]] == [2, 1] for fleet in told
                ):
                    await asyncio.sleep(0.1)
            outside = orjson.loads(await cueline("fleet", "--json", CUELINE_REDIS_URL=redis.url))
            for fleet in (*told, outside):
                assert [(each["node"], each["calls"], each["max_calls"]) for each in fleet["nodes"]] == [
                    ("one", 2, 2),
                    ("two", 1, 2),
                ]
                assert (fleet["calls"], fleet["waiting"], fleet["concerns"]) == (3, 0, [])
            assert {each["admin"] for each in outside["nodes"]} == {
                each.command.logged("cueline is up")[0]["admin"] for each in (one, two)
            }

            async def events() -> list[dict]:
                return [orjson.loads(fields[b"event"]) for _, fields in await reader.xrange(STREAM)]

            async with asyncio.timeout(60):
                while len(await events()) < 6:
                    await asyncio.sleep(0.2)
            ids = [event["id"] for event in await events()]
            assert len(ids) == len(set(ids))
            ((_, taken),) = await reader.xreadgroup("crm", "r", {STREAM: ">"}, count=3)
            assert [orjson.loads(fields[b"event"])["id"] for _, fields in taken] == ids[:3]
            kill(two)
            async with asyncio.timeout(30):
                while not (fleet := (await one.ask("GET", "/v1/fleet"))[1])["concerns"]:
                    await asyncio.sleep(0.1)
            assert [each["state"] for each in fleet["nodes"]] == ["full", "silent"]
            assert fleet["concerns"][0]["text"].startswith("Node two has not been heard of for ")
        redis.kill()
        await until(lambda: one.command.process.returncode is None)
        async with asyncio.timeout(30):
            while (answer := await one.ask("GET", "/v1/fleet"))[0] != 503:
                await asyncio.sleep(0.1)
        assert answer[1]["reason"] == "unreachable"
        redis.start()
