"""A look at a process through /proc: its state and its CPU time. Two small reads, so only at a suspect."""

import os
from pathlib import Path

from engine.shards.hangs import ProcessLook

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def look(pid: int | None) -> ProcessLook | None:
    """What the kernel says of it; None where it is gone, or there is no /proc."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # the name before may hold anything
    return ProcessLook(state=fields[0], cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S)
