"""Signals to a process and to all that it has started, as if the machine under them were meant.

The engine's helpers run in sessions of their own, so its process group is not all of it; who descends from whom is read from
/proc. Where there is none, the signal reaches the process's own group alone.
"""

import contextlib
import os
import signal
from pathlib import Path

PROC = Path("/proc")


def tree(pid: int, proc: Path = PROC) -> list[int]:
    """The process and its descendants, parents first."""
    children: dict[int, list[int]] = {}
    for stat in proc.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # `PID (name) state PPID …`; the name may hold anything, so what counts is what follows its last bracket
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def signal_tree(pid: int, number: signal.Signals) -> list[int]:
    """Send it to all of them; return whom. Parents first, so that none restarts a child that went before it."""
    found = tree(pid)
    for each in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    return found
