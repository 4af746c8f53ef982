"""Commands outlive the process, the receiver and the disk: real engines, killed, restarted, and with a disk that takes nothing."""

import signal
import socket
from contextlib import closing

import orjson
import psutil

from engine.state_connection import connect
from tests.support.commands import answer, deliveries, receiver, states
from tests.support.engine import command, done
from tests.support.following import QUICK, phrases_of, running, simulator
from tests.support.shards import recording
from tests.support.strange_cloud import Line, strange_cloud
from tests.support.waiting import until

KEYWORDS = {"TARGET_KEYWORD": "transfer me,cancel my order,stop recording,technical support,close my account"}
NOBODY = {"GENESYS_CONVERSATION_ID": ""}
TRANSFER = (
    QUICK
    + """
[[sinks]]
name = "over"
type = "genesys.transfer"
queue_id = "retention"
timeout_s = 60.0

[[rules]]
name = "over"
phrases = ["transfer me"]
sinks = ["over"]
"""
)


def free_port():
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def kept(folder):
    """Keys of webhook deliveries in the file, by state."""
    found = {}
    for (key, sink), (state, _, _) in deliveries(folder).items():
        if sink == "webhook":
            found.setdefault(state, set()).add(key)
    return found


async def test_what_was_committed_is_delivered_after_a_kill_and_once(tmp_path):
    """The receiver is down; the engine is killed right after each of two calls' phrases; then both are up."""
    port, folder = free_port(), tmp_path / "var"
    hook = {"CUELINE_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook"}
    said = phrases_of(1)
    for name in ("call-1", "call-2"):
        async with (
            strange_cloud({name: Line(recording(1).pcm)}) as cloud,
            running(cloud.environment | KEYWORDS | hook, tmp_path) as engine,
        ):
            before = len(kept(folder).get("waiting", ()))
            wanted = before + (len(said) if name == "call-1" else 1)
            await until(lambda wanted=wanted: len(kept(folder).get("waiting", ())) >= wanted, 60)
            engine.command.send(signal.SIGKILL)
            assert await engine.command.ended(30) == -signal.SIGKILL
            await engine.command.vanished()
    committed = kept(folder)["waiting"]
    assert {key.partition("/")[0] for key in committed} == {"call-1", "call-2"}
    async with strange_cloud({}) as cloud, receiver(answer(500), answer(200), port=port) as there:
        async with running(cloud.environment | KEYWORDS | hook | NOBODY, tmp_path) as engine:
            (told,) = engine.command.logged("Commands of an earlier run are delivered now")
            assert told["deliveries"] >= len(committed)  # and log lines that were not recorded yet
            await until(lambda: kept(folder).get("delivered", set()) == committed, 60)
        bodies = {got.headers["webhook-id"]: orjson.loads(got.body) for got in there.received}
        assert set(bodies) == committed
        assert len(there.received) == len(committed) + 1, "one was answered with 500"
        assert all(body["id"] == key for key, body in bodies.items())
        assert sum(key.startswith("call-1/") for key in committed) == len(said)


async def test_a_transfer_that_was_under_way_at_a_kill_is_unknown_and_not_repeated(tmp_path):
    folder = tmp_path / "var"
    async with simulator("--calls", 1, "--speed", 4) as cloud:
        async with running(cloud.follow(1), tmp_path, TRANSFER) as engine:
            await engine.comes_to(cloud.ids[0], "listening")
            await cloud.arm("api_stall", count=2)
            await until(lambda: "sending" in states(folder), 60)
            engine.command.send(signal.SIGKILL)
            await engine.command.ended(30)
            await engine.command.vanished()
        async with running(cloud.environment | NOBODY, tmp_path, TRANSFER) as engine:
            told = await engine.command.says("Command was not delivered", outcome="unknown")
            assert (told["sink"], told["level"]) == ("over", "error")
            assert await engine.metric("cueline_commands_total", sink="over", outcome="unknown") == 1
            assert await engine.metric("cueline_outbox_pending") == 0
            (key,) = (key for (key, _), (state, _, _) in deliveries(folder).items() if state == "unknown")
            code, _, err = await done("commands", "retry", key, environment={"CUELINE_STATE_DIR": str(folder)})
            assert (code, "may have happened already" in err) == (2, True)
        assert not [action for action in await cloud.report("actions") if action["kind"] == "transfer"]
    assert states(folder) == ["unknown"]


async def test_nothing_is_sent_while_the_state_cannot_be_written_and_all_when_it_can(tmp_path):
    """Another process holds the file: phrases are spotted, nobody gets anything, readiness fails. Then it lets go."""
    said = phrases_of(1)
    async with receiver() as hook, strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path) as engine:
            with closing(connect(tmp_path / "var")) as connection:
                connection.execute("BEGIN IMMEDIATE")
                await engine.comes_to("call-1", "ended")
                await engine.ready(503, timeout_s=20)
                _, body = await engine.ask("GET", "/readyz")
                assert [name for name, holds in body["conditions"].items() if not holds] == ["state_writable"]
                assert await engine.metric("cueline_phrases_spotted_total") == len(said)
                assert (hook.received, engine.command.logged("Phrase spotted")) == ([], [])
                connection.execute("ROLLBACK")
            await engine.ready()
            await engine.settled()
            assert len({got.headers["webhook-id"] for got in hook.received}) == len(hook.received) == len(said)


async def test_a_full_disk_stops_neither_spotting_nor_what_is_on_the_disk_and_is_told(tmp_path):
    """The kernel refuses every byte of the process's files (RLIMIT_FSIZE); a little later it does not."""
    said = phrases_of(1)
    async with receiver() as hook, strange_cloud({"call-1": Line(recording(1).pcm)}) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path) as engine:
            process = psutil.Process(engine.command.process.pid)
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (1, hard))
            told = await engine.command.says("State can't be written: commands wait until it can be")
            assert told["level"] == "error"
            await engine.ready(503)
            await engine.comes_to("call-1", "ended")
            await until(lambda: engine.command.process.returncode is None)
            while await engine.metric("cueline_phrases_spotted_total") < len(said):
                pass
            assert hook.received == []
            process.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))
            await engine.command.says("State can be written again")
            await engine.settled()
            await engine.ready()
            assert len({got.headers["webhook-id"] for got in hook.received}) == len(hook.received) == len(said)
    assert set(states(tmp_path / "var")) == {"delivered"}


async def test_a_dead_letter_is_listed_and_sent_again_while_the_engine_runs(tmp_path):
    folder = {"CUELINE_STATE_DIR": str(tmp_path / "var")}
    (said, *_) = phrases_of(1)
    line = Line(recording(1).pcm[: 16 * 8000])
    async with receiver(answer(400), answer(200)) as hook, strange_cloud({"call-1": line}) as cloud:
        environment = cloud.environment | KEYWORDS | {"CUELINE_WEBHOOK_URL": hook.url}
        async with running(environment, tmp_path) as engine:
            await engine.command.says("Command was not delivered", outcome="failed", sink="webhook")
            code, out, _ = await done("commands", "list", "--json", environment=folder)
            (row,) = map(orjson.loads, out.splitlines())
            assert (code, row["state"], row["sink"]) == (0, "failed", "webhook")
            assert "status 400" in row["fault"]
            assert said[0] not in out
            assert await engine.metric("cueline_outbox_dead") == 1
            assert (await done("commands", "retry", row["key"], environment=folder))[0] == 0
            await until(lambda: len(hook.received) == 2, 10)
            assert {got.headers["webhook-id"] for got in hook.received} == {row["key"]}
            await until(lambda: set(states(tmp_path / "var")) == {"delivered"})


async def test_a_second_engine_is_refused_the_folder(tmp_path):
    async with strange_cloud({}) as cloud, running(cloud.environment | NOBODY, tmp_path):
        more = {"CUELINE_ADMIN_PORT": "0", "CUELINE_STATE_DIR": str(tmp_path / "var")}
        async with command("run", environment=cloud.environment | NOBODY | more, cwd=tmp_path) as second:
            assert await second.ended(20) == 2
            (line,) = [line for line in second.err if line.startswith("cueline: ")]
            assert "another Cueline runs with it" in line


async def test_a_call_that_ends_the_engine_leaves_what_is_owed_for_the_next_start(tmp_path):
    """An orderly stop with a receiver that is down: it does not wait for it, and the next start delivers."""
    port, folder = free_port(), tmp_path / "var"
    hook = {"CUELINE_WEBHOOK_URL": f"http://127.0.0.1:{port}/hook", "CUELINE_DRAIN_S": "5"}
    line = Line(recording(1).pcm[: 16 * 8000])
    async with strange_cloud({"call-1": line}) as cloud:
        async with running(cloud.environment | KEYWORDS | hook, tmp_path) as engine:
            await engine.command.says("Phrase spotted")
            engine.command.send(signal.SIGTERM)
            assert await engine.command.ended(30) == 0
            (told,) = engine.command.logged("Commands wait for the next start")
            assert (told["level"], told["deliveries"]) == ("warning", 1)
        async with receiver(port=port) as there:
            async with running(cloud.environment | KEYWORDS | hook | NOBODY, tmp_path) as engine:
                await until(lambda: there.received)
                await engine.settled()
            assert {got.headers["webhook-id"] for got in there.received} == kept(folder)["delivered"]
