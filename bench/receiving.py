"""What receiving costs: `python bench/receiving.py`, `--help` for what can be varied.

N sockets on loopback, a process that plays one audio message per 20 ms to each, evenly spread, and the receiver in a process of
its own under uvloop. A row is a way to receive, `bare` (messages are counted) or `whole` (message → session → channel → ring →
doorbell). Figures are CPU time of the receiving process (kernel's work for it included) per message; rows take turns, several
rounds, and the table shows each one's least and median, and its ratio to what Cueline did before (websockets' asyncio layer with
the same behind it). Ctrl-C prints what there is so far.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop
from rich.console import Console

from bench.audio import call_samples
from bench.paced_peer import serve
from bench.receivers import WAYS, Rings, follow, into_ring
from bench.tables import table_of

BEFORE = "websockets, asyncio"
SHIPPED = "cueline, as it runs"
WARM_UP_S = 0.5
START_S = 20.0

Row = tuple[str, bool]  # way, whole

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Task:
    """One measurement."""

    way: str
    whole: bool
    port: int
    sockets: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a process used, and how many messages it took meanwhile."""

    cpu_s: float
    messages: int
    lost: int

    @property
    def us_per_message(self) -> float:
        return 1e6 * self.cpu_s / self.messages


async def measure(task: Task) -> Figures:
    """Connect all, warm up, then take the time; all stay open. RuntimeError where too little comes."""
    rings, counted = Rings(), 0

    def count(_: bytes) -> None:
        nonlocal counted
        counted += 1

    def messages() -> int:
        return rings.frames if task.whole else counted

    url = f"ws://127.0.0.1:{task.port}/{'realtime' if task.way == SHIPPED else 'audio'}"
    runs = [
        follow(url, rings, number)
        if task.way == SHIPPED
        else WAYS[task.way](url, into_ring(rings) if task.whole else count)
        for number in range(task.sockets)
    ]
    tasks = [asyncio.ensure_future(run) for run in runs]
    async with asyncio.timeout(START_S):
        while messages() < task.sockets:  # noqa: ASYNC110 (an event would be set in what is measured)
            await asyncio.sleep(0.05)
    await asyncio.sleep(WARM_UP_S)
    before, began = messages(), time.process_time()
    await asyncio.sleep(task.seconds)
    cpu_s, came = time.process_time() - began, messages() - before
    if came < task.sockets:
        gone = [str(running.exception() or "it ended") for running in tasks if running.done()]
        raise RuntimeError(f"{task.way}: only {came} messages came; {'; '.join(gone) or 'all sockets are open'}")
    return Figures(cpu_s, came, rings.lost)


def receive(task: Task, told: Connection) -> None:
    """The receiver's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it
    told.send(uvloop.new_event_loop().run_until_complete(measure(task)))
    os._exit(0)  # sockets and all: farewells would take longer than the measurement


@contextmanager
def peer(sockets: int) -> Iterator[int]:
    """A sending process; its port."""
    ours, its = _spawn.Pipe()
    process = _spawn.Process(target=serve, args=(sockets, call_samples("call-01"), its), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def figures_of(task: Task) -> Figures:
    """Run a measurement in a process of its own. RuntimeError where it fails."""
    ours, its = _spawn.Pipe()
    process = _spawn.Process(target=receive, args=(task, its), daemon=True)
    process.start()
    its.close()
    try:
        figures: Figures = ours.recv()
    except EOFError as error:
        raise RuntimeError(f"{task.way}: the receiver failed, see above") from error
    finally:
        process.kill()
        process.join()
    return figures


def rows_of(taken: dict[Row, list[Figures]]) -> list[dict[str, object]]:
    """The table; a ratio is the median of those within each round."""
    rows: list[dict[str, object]] = []
    for (way, whole), runs in taken.items():
        before = taken.get((BEFORE, whole), [])
        ratios = [run.us_per_message / then.us_per_message for run, then in zip(runs, before, strict=False)]
        rows.append(
            {
                "way": way,
                "behind it": "whole" if whole else "bare",
                "least µs": min(run.us_per_message for run in runs),
                "median µs": statistics.median(run.us_per_message for run in runs),
                "ratio": f"{statistics.median(ratios):.2f}" if ratios else None,
                "messages": sum(run.messages for run in runs),
                "lost": sum(run.lost for run in runs),
            }
        )
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=50, help="how many (50)")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement (4)")
    parser.add_argument("--rounds", type=int, default=3, help="turns that every row gets (3)")
    parser.add_argument("--only", default="", help="rows whose way contains this")
    parser.add_argument("--json", action="store_true", help="rows as JSON")
    asked = parser.parse_args()
    if not (1 <= asked.sockets <= 500 and asked.seconds > 0 and asked.rounds >= 1):
        parser.error("--sockets takes 1 to 500, --seconds more than 0, --rounds 1 or more")
    if not rows_asked(asked.only):
        parser.error(f"--only {asked.only!r} leaves no row; there are: {'; '.join([*WAYS, SHIPPED])}")
    return asked


def rows_asked(only: str) -> list[Row]:
    """All rows, or those whose way contains this."""
    rows = [(way, whole) for whole in (False, True) for way in WAYS] + [(SHIPPED, True)]
    return [(way, whole) for way, whole in rows if only in way]


def measure_all(asked: argparse.Namespace, taken: dict[Row, list[Figures]]) -> None:
    """Every row in each round, until done or Ctrl-C."""
    with suppress(KeyboardInterrupt), peer(asked.sockets) as port:
        for _ in range(asked.rounds):
            for way, whole in rows_asked(asked.only):
                figures = figures_of(Task(way, whole, port, asked.sockets, asked.seconds))
                taken[way, whole].append(figures)


def main() -> None:
    asked = arguments()
    console, taken = Console(stderr=asked.json), defaultdict[Row, list[Figures]](list)
    if "picows" not in WAYS:
        console.print("picows is not installed here: its rows are left out.")
    try:
        measure_all(asked, taken)
    except RuntimeError as error:
        sys.exit(str(error))
    if asked.json:
        print(json.dumps(rows_of(taken)))
    elif taken:
        title = f"{asked.sockets} sockets, {asked.rounds} rounds: CPU per message (load {os.getloadavg()[0]:.1f})"
        console.print(table_of(title, rows_of(taken)))


if __name__ == "__main__":
    main()
