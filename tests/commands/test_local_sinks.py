import asyncio
import os
import resource
import stat
import sys
import threading

import orjson
import pytest
from structlog.testing import capture_logs

from engine.commands.local_sinks import JsonLines, LogLines, PythonCall
from engine.errors import ConfigError, SinkError
from engine.options import FileSink, LogSink, PythonSink
from tests.support.commands import BASE, attempted, command


async def test_the_log_line_says_where_but_not_what_was_said():
    with capture_logs() as logs:
        await LogLines(LogSink(name="log")).deliver(BASE)
    (line,) = logs
    assert (line["event"], line["rule"], line["conversation_id"]) == ("Phrase spotted", "transfer", "conv-1")
    assert "transfer me" not in str(line)


class TestJsonLines:
    @staticmethod
    def sink(path, **settings) -> JsonLines:
        return JsonLines(FileSink(name="lines", path=path, **settings))

    async def test_lines_are_bodies_in_a_private_file_whose_folder_was_made(self, tmp_path):
        path = tmp_path / "a" / "b" / "commands.jsonl"
        sink = self.sink(path)
        for number in range(3):
            await sink.deliver(command(number))
        assert [orjson.loads(line) for line in path.read_bytes().splitlines()] == [command(n).body() for n in range(3)]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_what_is_there_stays_and_a_rotated_file_is_made_anew(self, tmp_path):
        path = tmp_path / "commands.jsonl"
        path.write_text("earlier\n")
        sink = self.sink(path)
        await sink.deliver(command(1))
        path.rename(tmp_path / "rotated")
        await sink.deliver(command(2))
        assert (tmp_path / "rotated").read_text().startswith("earlier\n{")
        assert orjson.loads(path.read_bytes()) == command(2).body()

    async def test_many_at_once_from_two_sinks_leave_whole_lines(self, tmp_path):
        path = tmp_path / "commands.jsonl"
        sinks = [self.sink(path, concurrency=20) for _ in range(2)]
        await asyncio.gather(*(sinks[number % 2].deliver(command(number)) for number in range(40)))
        ids = {orjson.loads(line)["id"] for line in path.read_bytes().splitlines()}
        assert ids == {command(number).idempotency_key for number in range(40)}

    async def test_a_folder_that_is_a_file_stops_the_start(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(ConfigError, match=r"sinks\.lines\.path = .*(Not a directory|File exists)"):
            self.sink(tmp_path / "file" / "commands.jsonl")

    async def test_a_pipe_that_nobody_reads_stops_the_start_instead_of_holding_it_up(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ConfigError, match=r"sinks\.lines\.path"):
            self.sink(tmp_path / "pipe")

    async def test_a_full_disk_is_a_passing_fault(self):
        with pytest.raises(SinkError, match="No space left") as caught:
            await self.sink("/dev/full").deliver(command())
        assert caught.value.retryable

    async def test_a_line_cut_short_is_ended_before_the_next(self, tmp_path):
        path = tmp_path / "commands.jsonl"
        sink = self.sink(path)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        try:
            with pytest.raises(SinkError, match="cut short") as caught:
                await sink.deliver(command(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.retryable
        await sink.deliver(command(1))
        await sink.deliver(command(2))
        torn, *whole = path.read_bytes().splitlines()
        assert len(torn) == 100
        assert [orjson.loads(line)["id"] for line in whole] == [command(n).idempotency_key for n in (1, 2)]


HANDLERS = """
import asyncio, threading
calls, threads = [], []
hang = threading.Event()

def note(body):
    calls.append(body)
    threads.append(threading.current_thread())

async def note_async(body):
    await asyncio.sleep(0)
    note(body)

class Callable:
    async def __call__(self, body):
        note(body)

instance = Callable()

def fail(body):
    raise ValueError(body["data"]["text"])

async def fail_async(body):
    raise ValueError(body["data"]["text"])

def leave(body):
    raise SystemExit(3)

async def leave_async(body):
    raise SystemExit(3)

def stop(body):
    raise StopIteration

def hold(body):
    hang.wait(30)

async def hold_async(body):
    await asyncio.Event().wait()

number = 7
"""


@pytest.fixture
def handlers(tmp_path, monkeypatch):
    (tmp_path / "cueline_handlers.py").write_text(HANDLERS)
    (tmp_path / "cueline_broken.py").write_text("import does_not_exist_anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    import cueline_handlers

    yield cueline_handlers
    cueline_handlers.hang.set()
    del sys.modules["cueline_handlers"]


def python(name: str, **settings) -> PythonCall:
    return PythonCall(PythonSink(name="py", entry_point=f"cueline_handlers:{name}", **settings))


async def test_a_function_gets_the_body_in_a_thread(handlers):
    await python("note").deliver(BASE)
    assert handlers.calls == [BASE.body()]
    assert handlers.threads[0] is not threading.current_thread()


@pytest.mark.parametrize("name", ["note_async", "instance"])
async def test_a_coroutine_function_is_awaited_on_the_loop(handlers, name):
    await python(name).deliver(BASE)
    assert handlers.calls == [BASE.body()]
    assert handlers.threads[0] is threading.current_thread()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("fail", "ValueError"),
        ("fail_async", "ValueError"),
        ("leave", "SystemExit"),
        ("leave_async", "SystemExit"),
        ("stop", "StopIteration"),
    ],
)
async def test_what_a_function_raises_ends_the_delivery_and_names_kind_and_place_only(handlers, name, kind):
    with pytest.raises(SinkError) as caught:
        await attempted(python(name), BASE)
    line = 1 + next(n for n, text in enumerate(HANDLERS.splitlines()) if f"def {name}(" in text) + 1
    assert str(caught.value) == f"sink py: {kind} at cueline_handlers.py:{line}"
    assert (caught.value.retryable, caught.value.happened) == (False, "no")


@pytest.mark.parametrize("name", ["hold", "hold_async"])
async def test_a_function_that_hangs_is_left_and_its_effect_unknown(handlers, name):
    with pytest.raises(SinkError, match="no answer in time") as caught:
        await attempted(python(name, timeout_s=0.05), BASE)
    assert caught.value.happened == "unknown"


@pytest.mark.parametrize(
    ("entry_point", "fault"),
    [
        ("does_not_exist_anywhere:run", "can't be imported"),
        ("cueline_handlers:missing", "can't be imported"),
        ("cueline_broken:run", "can't be imported"),
        ("cueline_handlers:number", "is not callable"),
    ],
)
def test_a_wrong_entry_point_stops_the_start(handlers, entry_point, fault):
    with pytest.raises(ConfigError, match=rf"sinks\.py\.entry_point = '{entry_point}': {fault}"):
        PythonCall(PythonSink(name="py", entry_point=entry_point))
