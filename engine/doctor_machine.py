"""What the doctor measures of the machine: processors, memory, clock, open files, shared memory.

Facts are measured by small functions and judged by functions of plain values.
"""

import ctypes
import os
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from engine.cgroup import ROOT, cpu_quota, memory_limit_bytes, own_membership, processors
from engine.doctor_checks import Check
from engine.model_manifest import tree_bytes
from engine.open_files import OpenFiles, files_for
from engine.options import ShardOptions

SUPERVISOR_MB, WORKER_MB, MODEL_FACTOR = 250, 60, 3  # a loaded model takes about three times its files
FRAME_BYTES = 320 + 8  # audio, and the time it arrived
WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)  # no clock is right that says an earlier time
_TIME_ERROR = 5  # adjtimex: nobody keeps this clock
_TIMEX_BYTES = 512  # more than the kernel's structure; all 0 changes nothing


def survey_machine(model_path: Path, shards: ShardOptions, calls: int) -> Iterator[Check]:
    """The checks, for so many calls at once."""
    limit = memory_limit_bytes(ROOT, own_membership())
    yield check_processors(processors(), shards.count, cpu_quota(ROOT, own_membership()))
    yield check_memory(available_bytes(), model_path, shards, calls, limit)
    yield check_files(*resource.getrlimit(resource.RLIMIT_NOFILE), calls)
    yield check_shared_memory(shards)
    yield check_clock(datetime.now(UTC), kept_by_a_service())


def check_processors(count: int, shards: int, quota: float | None = None) -> Check:
    """A shard for each processor, no more; and a whole processor at least."""
    found = f"{count} available, {shards} shards"
    if quota is not None:
        found += f"; the control group allows {quota:g}"
    if shards > count:
        return Check(
            "processors", "warn", found, f"set CUELINE_SHARDS to {count}: more shards than processors only cost"
        )
    if quota is not None and quota < shards:
        return Check("processors", "warn", found, "raise the CPU limit: a shard that is stopped by it hears late")
    return Check("processors", "ok", found)


def available_bytes(root: Path = ROOT, membership: str | None = None) -> int:
    """Memory that can be had: what the kernel calls available, cut to the control group's limit."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit = memory_limit_bytes(root, own_membership() if membership is None else membership)
    return free if limit is None else min(free, limit)


def check_memory(available: int, model_path: Path, shards: ShardOptions, calls: int, limit: int | None = None) -> Check:
    """Supervisor, one shared model, workers, the rings that so many calls use; an estimate."""
    model_mb = MODEL_FACTOR * tree_bytes(model_path) / 1e6 if model_path.is_dir() else 0
    needed = SUPERVISOR_MB + model_mb + shards.count * WORKER_MB + rings_bytes(shards, calls) / 1e6
    limited = f"the control group's limit is {limit / 1e6:.0f} MB, " if limit is not None else ""
    found = f"{limited}{available / 1e6:.0f} MB available, about {needed:.0f} MB needed"
    if available < needed * 1e6:
        return Check("memory", "warn", found, "give it more memory, fewer shards or a smaller model")
    return Check("memory", "ok", found)


def check_files(soft: int, hard: int, calls: int) -> Check:
    """Open files for so many calls; `cueline run` raises its own limit to the hard one."""
    needed = files_for(calls)
    found = f"limit {'none' if hard == resource.RLIM_INFINITY else hard}, {needed} needed for {calls} calls"
    if soft != hard:
        found += f" (now {soft}, raised at the start)"
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return Check("open files", "ok", found)
    fit = OpenFiles(hard).calls
    return Check("open files", "fail", found, f"raise the hard limit (ulimit -Hn {needed}); {fit} calls fit now")


def check_shared_memory(shards: ShardOptions) -> Check:
    """Whether rings can lie in nameless memory files, which need no room in /dev/shm."""
    found = f"up to {rings_bytes(shards) / 1e6:.0f} MB for the rings, as they are used"
    try:
        os.close(os.memfd_create("cueline-doctor"))
    except (AttributeError, OSError) as error:
        return Check("shared memory", "warn", f"{found}; no memory files ({error})", "rings go to the temporary folder")
    return Check("shared memory", "ok", f"{found}, in memory files")


def rings_bytes(shards: ShardOptions, calls: int | None = None) -> int:
    """Of all rings, or of those that calls of two channels use; a ring that nobody uses takes no memory."""
    rings = shards.count * shards.rings
    return (rings if calls is None else min(rings, 2 * calls)) * shards.slots * FRAME_BYTES


def kept_by_a_service() -> bool | None:
    """Whether the kernel's clock is kept by NTP or the like; None where that can't be told (macOS, a container's filter)."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def check_clock(now: datetime, kept: bool | None) -> Check:
    """A clock that is far off breaks certificates and signatures; one that nobody keeps will be."""
    found = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < WRITTEN:
        return Check("clock", "fail", found, "set it: certificates and signatures are refused with such a time")
    if kept is None:
        return Check("clock", "ok", f"{found}; whether a time service keeps it can't be told here")
    if not kept:
        advice = (
            "run chrony or systemd-timesyncd, on the host of a container; AudioHook's signatures are taken for 10 s, and a "
            "virtual machine's host may keep it unseen"
        )
        return Check("clock", "warn", f"{found}; the kernel knows of no time service that keeps it", advice)
    return Check("clock", "ok", f"{found}, kept by a time service")
