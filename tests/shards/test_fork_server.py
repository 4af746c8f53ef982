"""The fork server by itself: what it does with each thing that it may be told, seen from its socket."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from engine.audio.arena import Arena
from engine.options import SpeechOptions
from engine.packets import PacketPort, socket_pair
from engine.shards.messages import (
    SERVER_CODEC,
    WORKER_CODEC,
    Drain,
    ForkWorker,
    Prepare,
    Prepared,
    PrepareFailed,
    WorkerExited,
    WorkerForked,
)
from tests.support.shards import MODEL, ROOT, RULES, alive

PREPARE = Prepare(
    SpeechOptions(model_path=MODEL).model_dump_json(), tuple(rule.model_dump_json() for rule in RULES), "error"
)


class Server:
    """A fork server and the supervisor's end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket_pair()
        self.sock = ours
        self.port = PacketPort(ours, SERVER_CODEC)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "engine.shards.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                pass_fds=[theirs.fileno()],
                stderr=subprocess.PIPE,
                text=True,
            )

    def fork(self, shard: int = 0) -> tuple[int, PacketPort]:
        """Ask for a worker; its process id, and the supervisor's end of its socket."""
        ours, theirs = socket_pair()
        arena, bell = Arena.create(1, 16), os.eventfd(0)
        packet = SERVER_CODEC.encode(ForkWorker(shard, 1, 1, 16))
        with theirs:
            socket.send_fds(self.sock, [packet], [theirs.fileno(), arena.fd, bell])
        os.close(bell)
        arena.close()
        forked = self.port.receive()
        assert isinstance(forked, WorkerForked)
        assert (forked.shard, forked.generation) == (shard, 1)
        return forked.pid, PacketPort(ours, WORKER_CODEC)

    def end(self) -> tuple[int, str]:
        """Exit code and stderr."""
        _, err = self.process.communicate(timeout=20)
        return self.process.returncode, err


@pytest.fixture
def server():
    server = Server()
    yield server
    server.port.close()
    server.process.kill()
    server.process.communicate()


@pytest.fixture
def ready(server):
    server.port.send(PREPARE)
    assert isinstance(server.port.receive(), Prepared)
    return server


@pytest.mark.parametrize(
    "first",
    [
        lambda server: server.port.close(),
        lambda server: server.port.send(ForkWorker(0, 1, 1, 16)),
        lambda server: (server.port.send(PREPARE), server.port.close()),  # gone while the model loads
    ],
)
def test_it_ends_quietly_when_there_is_nothing_to_serve(server, first: Callable[[Server], object]):
    first(server)
    assert server.end() == (0, "")


def test_options_that_are_none_are_a_failure_to_prepare(server):
    server.port.send(Prepare('{"model_path": 1, "vad_mode": 99}', (), "error"))
    failure = server.port.receive()
    assert isinstance(failure, PrepareFailed)
    assert "vad_mode" in failure.faults[0]
    assert server.end() == (0, "")


def test_a_worker_that_ended_is_told_of_with_its_status(ready):
    (killed, first), (drained, second) = ready.fork(0), ready.fork(1)
    os.kill(killed, signal.SIGKILL)
    assert ready.port.receive() == WorkerExited(killed, -signal.SIGKILL)
    second.send(Drain())
    assert ready.port.receive() == WorkerExited(drained, 0)
    assert first.receive() is None
    assert second.receive() is None
    for port in (first, second):
        port.close()


def test_a_worker_without_its_supervisor_ends_well(ready):
    pid, port = ready.fork()
    port.close()
    assert ready.port.receive() == WorkerExited(pid, 0)


def test_a_worker_that_is_told_what_is_no_message_ends_badly(ready):
    pid, port = ready.fork()
    port._sock.send(b"rubbish")
    assert ready.port.receive() == WorkerExited(pid, 1)
    port.close()
    ready.port.close()
    code, err = ready.end()
    assert code == 0
    assert "JSONDecodeError" in err


def test_it_leaves_no_worker_behind_not_even_one_that_hangs(ready):
    workers = [ready.fork(shard) for shard in range(3)]
    os.kill(workers[1][0], signal.SIGSTOP)
    for _, port in workers:
        port.close()
    ready.port.close()
    assert ready.end() == (0, "")
    assert not any(alive(pid) for pid, _ in workers)
