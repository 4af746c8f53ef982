"""A real Redis and real nodes: killed, halted, drained; nothing is left. The whole play once, short."""

import asyncio
import os

import psutil
import pytest

from engine.demo.fleet_play import PlayOptions, play
from engine.demo.fleet_stage import FleetOptions, fleet_staged
from engine.demo.process_tree import tree
from engine.demo.processes import child_environment
from engine.demo.redis_process import RedisProcess, redis_program
from engine.errors import DemoError
from tests.support.demo import MARK, marked
from tests.support.programs import program
from tests.support.waiting import until

PATIENCE_S = 60.0


class Silent:
    """Told, and says nothing."""

    def __init__(self) -> None:
        self.acts: list[int] = []
        self.scenes = 0

    def begun(self, step): ...

    def done(self, step): ...

    def told(self, sentence): ...

    def act(self, act):
        self.acts.append(act.number)

    def scene(self, scene):
        self.scenes += 1


def test_a_tree_is_read_from_proc(tmp_path):
    for pid, name, parent in ((10, "a", 1), (11, "b) (c", 10), (12, "d", 11), (13, "e", 1)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(f"{pid} ({name}) S {parent} 0 0")
    (tmp_path / "14").mkdir()
    (tmp_path / "14" / "stat").write_text("broken")
    assert tree(10, tmp_path) == [10, 11, 12]
    assert tree(99, tmp_path) == [99]


def test_without_a_redis_it_is_said_where_to_get_one(tmp_path):
    with pytest.raises(DemoError, match=r"neither redis-server nor valkey-server is on PATH.*apt install redis-server"):
        redis_program(str(tmp_path))
    (tmp_path / "valkey-server").touch(mode=0o755)
    assert redis_program(str(tmp_path)) == str(tmp_path / "valkey-server")


async def test_redis_comes_back_with_what_it_knew(tmp_path):
    program("redis-server")
    redis = RedisProcess(tmp_path, child_environment(os.environ, {}))
    try:
        await redis.start()
        pid, url = redis.pid, redis.url
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        password = url.partition("//:")[2].partition("@")[0]
        writer.write(f"GET a\r\nAUTH {password}\r\nSET a 1\r\n".encode())
        assert [await reader.readline() for _ in range(3)] == [
            b"-NOAUTH Authentication required.\r\n",
            b"+OK\r\n",
            b"+OK\r\n",
        ]
        writer.close()
        await redis.restart()
        assert (redis.pid != pid, redis.url) == (True, url)
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        writer.write(f"AUTH {password}\r\nGET a\r\n".encode())
        assert [await reader.readline() for _ in range(3)] == [b"+OK\r\n", b"$1\r\n", b"1\r\n"]
        writer.close()
    finally:
        await redis.stop()
    assert not await redis.answers()


async def test_a_redis_that_does_not_start_says_why(tmp_path):
    script = tmp_path / "redis-server"
    script.write_text("#!/bin/sh\necho no such luck\nexit 3\n")
    script.chmod(0o755)
    redis = RedisProcess(tmp_path, {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    with pytest.raises(DemoError, match=r"The Redis ended with exit code 3(.|\n)*no such luck"):
        await redis.start()


async def test_nodes_are_killed_halted_and_drained(tmp_path):
    program("redis-server")
    environ = {**os.environ, MARK: str(tmp_path)}
    events: list[tuple[str, object]] = []
    async with fleet_staged(FleetOptions(calls=2, stagger_ms=0), environ, Silent(), asyncio.Event()) as stage:
        stage.on_event = lambda name, event: events.append((name, event["event"]))
        await asyncio.gather(stage.start_node("a"), stage.start_node("b"))
        assert {("a", "cueline is up"), ("b", "cueline is up")} <= set(events)
        first, second = stage.simulator.conversation_ids
        assert 200 <= await stage.offer(first, "a") < 300
        assert 200 <= await stage.offer(second) < 300

        async def clients() -> list[set[str]]:
            return [{each.client for each in call.sent} for call in await stage.simulator.calls()]

        await _holds(clients, all)
        assert set().union(*await clients()) <= {"cueline-simulator.a", "cueline-simulator.b"}

        pids = tree(stage.nodes["b"].child.pid)
        stage.stop_node("b")
        await until(lambda: all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids), PATIENCE_S)
        assert stage.nodes["b"].state == "stopped"
        stage.continue_node("b")
        await until(lambda: all(psutil.Process(pid).status() != psutil.STATUS_STOPPED for pid in pids), PATIENCE_S)

        pids = tree(stage.nodes["a"].child.pid)
        assert len(pids) > 2  # the node, its platform process, its fork server, a worker
        await stage.kill_node("a")
        await until(lambda: not any(map(psutil.pid_exists, pids)), PATIENCE_S)
        assert await stage.followed("a") is None
        await _holds(lambda: stage.followed("b"), lambda found: found is not None and set(found) == {first, second})
        stage.check()  # a dead node is no fault

        await stage.start_node("a")  # again, on the state it left
        stage.terminate_node("b")
        assert await stage.node_left("b", PATIENCE_S) == 0
        stage.stop_node("a")  # even so it ends with the stage
    assert marked(str(tmp_path)) == []


async def _holds(ask, holds) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds(await ask()):
            await asyncio.sleep(0.05)


async def test_the_play_loses_and_doubles_nothing(tmp_path):
    program("redis-server")
    environ, show = {**os.environ, MARK: str(tmp_path)}, Silent()
    result = await play(PlayOptions(5, 2, 2.0, listen_s=4.0), environ, show, asyncio.Event())
    found = result.scene.account
    assert show.acts == [1, 2, 3, 4]
    assert show.scenes > 20
    assert (found.lost, found.doubled, found.unsigned) == ((), (), 0), result
    assert found.spoken == len(found.delivered) + found.in_the_gap > 0
    assert len(found.takeovers) == 2  # two nodes of two are full with two and two, or one has the fifth
    assert all(each.again_s is not None for each in found.takeovers)
    assert found.handovers
    assert max(each.break_ms for each in found.handovers) <= 100
    assert result.exit_codes == dict.fromkeys(result.exit_codes, 0)
    assert marked(str(tmp_path)) == []


async def test_a_play_that_is_cancelled_leaves_nothing(tmp_path):
    program("redis-server")
    environ, show = {**os.environ, MARK: str(tmp_path)}, Silent()
    playing = asyncio.create_task(play(PlayOptions(5, 2, 2.0), environ, show, asyncio.Event()))
    await until(lambda: show.scenes > 2, PATIENCE_S)  # its nodes are starting
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert marked(str(tmp_path)) == []
