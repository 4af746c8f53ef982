"""CPU time and memory of a process with all its descendants, read from /proc.

A descendant that has ended and was waited for lives on in the counts of whoever waited; one that is alive is counted
itself. So the sum only grows, and nothing is counted twice. It is exact to a clock tick (10 ms) per process.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat, counted from the one after the name: proc(5) numbers them three higher.
_PARENT = 1
_OWN_TIMES = slice(11, 13)
_TIMES = slice(11, 15)  # own and waited-for children's, each in user and kernel mode


class _Stat(NamedTuple):
    parent: int
    cpu_s: float


def cpu_seconds(pid: int) -> float:
    """CPU seconds of the process and its descendants since they began; 0 where it is gone."""
    stats = _stats()
    return sum(stats[each].cpu_s for each in _tree(pid, stats))


def process_tree(pid: int) -> Iterator[tuple[int, int]]:
    """The process and its descendants, each with its parent."""
    stats = _stats()
    for each in _tree(pid, stats):
        yield each, stats[each].parent


def own_cpu_seconds(pid: int) -> float:
    """CPU seconds of the process alone; 0 where it is gone."""
    text = _text(PROC / str(pid) / "stat")
    return sum(map(int, _fields(text)[_OWN_TIMES])) / TICKS_PER_S if text else 0.0


def pss_mb(pid: int) -> dict[int, float]:
    """Memory of the process and each descendant, by pid: its own pages and its share of shared ones, 10^6 bytes."""
    return _memory_mb(pid, "Pss")


def private_mb(pid: int) -> dict[int, float]:
    """What would be free if it ended, of the process and each descendant, by pid: 10^6 bytes."""
    return _memory_mb(pid, "Private_Clean", "Private_Dirty")


def _memory_mb(pid: int, *names: str) -> dict[int, float]:
    found = {each: _sum_mb(each, names) for each in _tree(pid, _stats())}
    return {each: mb for each, mb in found.items() if mb is not None}


def _stats() -> dict[int, _Stat]:
    """Every process of this machine that we may look at."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (text := _text(folder / "stat")):
            found[int(folder.name)] = _stat(text)
    return found


def _stat(text: str) -> _Stat:
    """Of the line in /proc/PID/stat; the name in it is in brackets and may hold anything."""
    fields = _fields(text)
    return _Stat(int(fields[_PARENT]), sum(map(int, fields[_TIMES])) / TICKS_PER_S)


def _fields(text: str) -> list[str]:
    return text[text.rindex(")") + 1 :].split()


def _tree(pid: int, stats: dict[int, _Stat]) -> Iterator[int]:
    """The process, if it is there, and its descendants."""
    children = defaultdict(list)
    for each, stat in stats.items():
        children[stat.parent].append(each)
    waiting = [pid] if pid in stats else []
    while waiting:
        found = waiting.pop()
        yield found
        waiting += children[found]


def _sum_mb(pid: int, names: tuple[str, ...]) -> float | None:
    """None where it is gone or not ours to look at."""
    lines = (line.partition(":") for line in _text(PROC / str(pid) / "smaps_rollup").splitlines())
    found = [int(rest.split()[0]) for name, _, rest in lines if name in names]
    return sum(found) * 1024 / 1e6 if found else None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
