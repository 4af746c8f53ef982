"""One target under libFuzzer, in a process of its own that was forked after all was imported and instrumented.

It ends itself after its inputs or its time, so that the count is exact, and says how it stands through a pipe: inputs, CPU
seconds of the slowest one, MB resident. The input at hand stands in a mapped file, so that it is known whatever ends the process:
an exception, a crash, libFuzzer's limits of time and memory, the kernel.
"""

import gc
import mmap
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.target import Target

HANG_S = 25  # for one input; libFuzzer's alarm
MOST_MB = 2048  # resident
WARM_UP = 0.2  # of the inputs or the time: the engine's caches and libFuzzer's corpus fill
TELL_EVERY_S = 0.5
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a target is."""

    inputs: int
    seconds: float
    slowest_s: float
    before_mb: float  # after the warm-up; 0 while it lasts
    now_mb: float


@dataclass(frozen=True, slots=True)
class Task:
    """What one process is to do, and where it may leave things."""

    target: Target
    inputs: int
    seconds: float
    folder: Path  # finds
    scratch: Path  # goes when all is over


class Meter:
    """Feeds a target, counts, and ends the process when all is done."""

    def __init__(self, task: Task, tell: Callable[[Standing], None]) -> None:
        self._task = task
        self._tell = tell
        self._begun_s = self._told_s = time.monotonic()
        self._inputs = 0
        self._hand = _hand(task)
        self._slowest_s = self._before_mb = 0.0

    def feed(self, data: bytes) -> None:
        """One input; what the target raises goes on to libFuzzer."""
        self._hand[: 8 + len(data)] = len(data).to_bytes(8) + data
        begun_s = time.thread_time()
        self._task.target.feed(data)
        self._slowest_s = max(self._slowest_s, time.thread_time() - begun_s)
        self._inputs += 1
        if self._inputs >= self._task.inputs:
            self._end()
        if self._inputs % 16 == 0 and time.monotonic() - self._told_s > TELL_EVERY_S:
            self._look()

    def _look(self) -> None:
        self._told_s = time.monotonic()
        spent_s = self._told_s - self._begun_s
        if not self._before_mb and max(self._inputs / self._task.inputs, spent_s / self._task.seconds) >= WARM_UP:
            self._before_mb = _resident_mb()
        self._tell(self._standing(0.0))
        if spent_s >= self._task.seconds:
            self._end()

    def _standing(self, now_mb: float) -> Standing:
        return Standing(self._inputs, time.monotonic() - self._begun_s, self._slowest_s, self._before_mb, now_mb)

    def _end(self) -> None:
        now_mb = _resident_mb()
        self._before_mb = self._before_mb or now_mb  # over before it was warm
        self._tell(self._standing(now_mb))
        os._exit(0)


def _hand(task: Task) -> mmap.mmap:
    """The mapped file: eight bytes of length, then the input."""
    most = max(task.target.most_bytes, *map(len, task.target.seeds))
    with (task.scratch / f"{task.target.name}-hand").open("w+b") as file:
        file.truncate(8 + most)
        return mmap.mmap(file.fileno(), 8 + most)


def input_at_hand(task: Task) -> bytes:
    """What a process that is gone was busy with."""
    data = (task.scratch / f"{task.target.name}-hand").read_bytes()
    return data[8 : 8 + int.from_bytes(data[:8])]


def _resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_MB


def fuzz(task: Task, pipe: Connection) -> None:
    """Never returns: the process ends itself, or libFuzzer ends it at a find."""
    import tempfile

    import atheris

    name = task.target.name
    tempfile.tempdir = str(task.scratch)
    corpus = task.scratch / f"{name}-corpus"
    corpus.mkdir()
    for number, seed in enumerate(task.target.seeds):
        (corpus / str(number)).write_bytes(seed)
    words = task.scratch / f"{name}-words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in task.target.words))
    log = os.open(task.scratch / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    options = {
        "max_len": task.target.most_bytes,
        "timeout": HANG_S,
        "rss_limit_mb": MOST_MB,
        "artifact_prefix": f"{task.scratch}/{name}-",
        **({"dict": words} if task.target.words else {}),
        "print_final_stats": 0,
        "verbosity": 0,
        "handle_int": 0,
    }
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends us
    meter = Meter(task, pipe.send)
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in options.items()), str(corpus)], meter.feed)
    atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word)
