"""The process that loads the model once and forks workers from it, so that the model's pages are shared.

It stays single-threaded (a fork copies only the calling thread). It ends when the supervisor is gone; so do its workers,
each by its own socket, and those that do not are killed: it never leaves one behind. Ctrl-C and TERM reach a whole process group, but only the supervisor decides: both are ignored here.
"""

import gc
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from engine.audio.arena import Arena
from engine.errors import ConfigError, ModelError, VocabularyError
from engine.logs import configure_logging
from engine.options import RuleOptions, SpeechOptions
from engine.packets import PacketPort
from engine.shards.messages import (
    SERVER_CODEC,
    WORKER_CODEC,
    ForkWorker,
    Prepare,
    Prepared,
    PrepareFailed,
    WorkerExited,
    WorkerForked,
)
from engine.shards.worker import Worker
from engine.speech.hearing import Hearing
from engine.speech.model import prepared_model
from engine.speech.vosk_binding import VoskModel

OOM_SCORE = "500"
_WORKER_FDS = 3
_GRACE_S = 0.5  # for workers to see that the supervisor is gone


def load(message: Prepare) -> Hearing:
    """Load and warm up the model; ModelError, VocabularyError or ConfigError where that fails."""
    options = SpeechOptions.model_validate_json(message.speech)
    rules = [RuleOptions.model_validate_json(rule) for rule in message.rules]
    with prepared_model(options) as folder:
        return Hearing(VoskModel(folder, shown_as=options.model_path), options, rules)


def prepare(port: PacketPort) -> Hearing | None:
    """Do as the first message says and tell how it went; None when it can't be or the supervisor is gone."""
    message = port.receive()
    if not isinstance(message, Prepare):
        return None
    configure_logging(message.log_level)
    begun = time.monotonic()
    try:
        hearing = load(message)
    except (ModelError, ValidationError) as error:
        port.send(PrepareFailed("model", (str(error),)))
    except VocabularyError as error:
        port.send(PrepareFailed("vocabulary", tuple(error.faults)))
    except ConfigError as error:
        port.send(PrepareFailed("config", tuple(error.faults)))
    else:
        gc.freeze()  # what is alive now stays: collecting in a worker would copy the shared pages
        threads = len(list(Path("/proc/self/task").iterdir()))
        port.send(Prepared(round((time.monotonic() - begun) * 1000), threads))
        return hearing
    return None


def become_worker(message: ForkWorker, fds: list[int], hearing: Hearing) -> NoReturn:
    """The child's whole life."""
    status = 1
    with suppress(OSError):  # where memory ends, the kernel takes a worker, which is replaced, and not the supervisor
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    try:
        sock_fd, arena_fd, doorbell_fd = fds
        port = PacketPort(socket.socket(fileno=sock_fd), WORKER_CODEC)
        arena = Arena(arena_fd, message.rings, message.slots)
        Worker(port, doorbell_fd, arena, hearing).run()
        status = 0
    except ConnectionError:
        status = 0  # the supervisor went while we spoke to it
    except BaseException:  # noqa: BLE001 (last border of a process: say why, leave without the parent's clean-up)
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def reap(workers: set[int]) -> list[WorkerExited]:
    """Take every worker that has ended off the list."""
    ended = []
    for pid in list(workers):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            workers.remove(pid)
            ended.append(WorkerExited(pid, os.waitstatus_to_exitcode(status)))
    return ended


def end(workers: set[int]) -> None:
    """The supervisor is gone: see the workers out, by force after a grace."""
    deadline = time.monotonic() + _GRACE_S
    while workers and time.monotonic() < deadline:
        reap(workers)
        time.sleep(0.005)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def fork(message: ForkWorker, fds: list[int], port: PacketPort, hearing: Hearing) -> int:
    """Make a worker that owns these descriptors; return its process id. It knows nothing of `port`."""
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        port.close()
        become_worker(message, fds, hearing)
    for fd in fds:
        os.close(fd)
    return pid


def serve(port: PacketPort, hearing: Hearing, workers: set[int]) -> None:
    """Fork as told until the supervisor is gone; `workers` are the process ids alive."""
    wake_reader, wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_writer)
    poll = select.poll()
    poll.register(port.fileno(), select.POLLIN)
    poll.register(wake_reader, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == wake_reader:
                os.read(wake_reader, 512)
                for exited in reap(workers):
                    port.send(exited)
                continue
            message, fds = port.receive_with_fds(_WORKER_FDS)
            if not isinstance(message, ForkWorker):
                return
            pid = fork(message, fds, port, hearing)
            workers.add(pid)
            port.send(WorkerForked(message.shard, message.generation, pid))


def main() -> None:
    """`python -m engine.shards.fork_server FD`: FD is our end of a SOCK_SEQPACKET pair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    port = PacketPort(socket.socket(fileno=int(sys.argv[1])), SERVER_CODEC)
    workers: set[int] = set()
    with suppress(ConnectionError):  # the supervisor went while we spoke to it
        hearing = prepare(port)
        if hearing is not None:
            serve(port, hearing, workers)
    end(workers)


if __name__ == "__main__":
    main()
