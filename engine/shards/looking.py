"""A look at a process through /proc: its state and CPU time (two small reads, so only at a suspect), and its memory."""

import os
from pathlib import Path

from engine.shards.hangs import ProcessLook

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int | None) -> int:
    """Memory of a process as the kernel counts it, shared pages in full (one line of text: cheap); 0 where it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def look(pid: int | None) -> ProcessLook | None:
    """What the kernel says of it; None where it is gone, or there is no /proc."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = line.rpartition(")")[2].split()  # the name before may hold anything
    return ProcessLook(state=fields[0], cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S)
