"""What the kernel's control groups leave to this process: processors and memory.

Functions of a root folder and of the text of `/proc/self/cgroup`, so tests hand in a tree of their own. Version 2 keeps
one hierarchy (`cpu.max`, `memory.max`), version 1 one per controller (`cpu/…/cpu.cfs_quota_us`). A limit of any parent
holds for its children: the smallest counts. Inside a container the path may name a folder of the host that is not
mounted; its parents, up to the root, are still asked.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_UNLIMITED_BYTES = 1 << 60  # version 1 writes a huge number where there is no limit
_CPU_FOLDERS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def own_membership() -> str:
    """Text of /proc/self/cgroup; empty where there is none."""
    try:
        return Path("/proc/self/cgroup").read_text()
    except OSError:
        return ""


def processors(affinity: int | None = None, root: Path = ROOT, membership: str | None = None) -> int:
    """Whole processors this process may keep busy: its affinity mask, cut to the control group's quota; at least 1."""
    count = len(os.sched_getaffinity(0)) if affinity is None else affinity
    quota = cpu_quota(root, own_membership() if membership is None else membership)
    return max(1, count if quota is None else min(count, math.floor(quota)))


def cpu_quota(root: Path, membership: str) -> float | None:
    """Processors by quota ÷ period, the smallest on the way to the root; None without a limit."""
    quotas: list[float] = []
    for folder in _folders(root, membership, None):
        limit, _, period = _text(folder / "cpu.max").partition(" ")
        quotas += _ratio(limit, period)
    for controller in _CPU_FOLDERS:
        for folder in _folders(root / controller, membership, "cpu"):
            quotas += _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))
    return min(quotas, default=None)


def memory_limit_bytes(root: Path, membership: str) -> int | None:
    """Smallest memory limit on the way to the root; None without one."""
    texts = [_text(folder / "memory.max") for folder in _folders(root, membership, None)]
    texts += [_text(folder / "memory.limit_in_bytes") for folder in _folders(root / "memory", membership, "memory")]
    limits = [number for text in texts if (number := _number(text)) is not None]
    return min((limit for limit in limits if limit < _UNLIMITED_BYTES), default=None)


def _folders(base: Path, membership: str, controller: str | None) -> Iterator[Path]:
    """The process's folder of one hierarchy and its parents up to `base`; controller None means version 2."""
    path = _path(membership, controller)
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for length in range(len(parts), -1, -1):
        yield base.joinpath(*parts[:length])


def _path(membership: str, controller: str | None) -> str:
    for line in membership.splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if (controller in names.split(",")) if controller else (number == "0" and not names):
            return path
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):  # not there, not UTF-8, or no path at all
        return ""


def _ratio(limit: str, period: str) -> list[float]:
    """One number, or none for `max`, -1 and anything else that is no limit."""
    quota, length = _number(limit), _number(period)
    return [quota / length] if quota is not None and length else []


def _number(text: str) -> int | None:
    """A count that a kernel would write: decimal digits, 64 bits at most; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
