"""Count what has no noise: calls, system calls among them, bytes that a piece of work needs at once, objects that it leaves.

Calls are seen by `sys.setprofile`, so a call within C (uvloop's own wait, numpy's copies) is not counted. System calls are
told by their names: whatever `os`, `select` and sockets offer, and the clocks that the kernel has to be asked for (those of
CPU time; the others are read in the process itself).
"""

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

_SYSTEM = {"posix", "select", "_socket"}
_HARMLESS = {"select.poll", "select.poll.register", "_socket.socket.fileno", "posix.fspath"}
_CLOCKS = {"time.thread_time", "time.thread_time_ns", "time.process_time", "time.process_time_ns", "time.sleep"}


def calls(work: Callable[[], object]) -> Counter[str]:
    """How often each function was called: those in C as `module.name` or `module.type.name`, ours as `def Type.name`."""
    counted: Counter[str] = Counter()

    def note(frame: FrameType, event: str, function: Any) -> None:
        if event == "call":
            counted[f"def {frame.f_code.co_qualname}"] += 1
        elif event == "c_call":
            counted[_name(function)] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    del counted["sys.setprofile"]
    return counted


def _name(function: Any) -> str:
    if function.__module__:
        return f"{function.__module__}.{function.__name__}"
    owner = type(function.__self__)
    return f"{owner.__module__}.{owner.__name__}.{function.__name__}"


def system_calls(counted: Counter[str]) -> Counter[str]:
    """Those of `calls` that enter the kernel."""
    return Counter({name: count for name, count in counted.items() if _enters_kernel(name)})


def _enters_kernel(name: str) -> bool:
    return name in _CLOCKS or (name.partition(".")[0] in _SYSTEM and name not in _HARMLESS)


def bytes_at_once(work: Callable[[], object]) -> int:
    """The most memory that the second of two runs held at one time, beyond what was there before."""
    work()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def blocks_left(work: Callable[[], object]) -> int:
    """How many more blocks of memory are in use after the second of two runs than before it."""
    work()
    gc.collect()
    before = sys.getallocatedblocks()
    work()
    return sys.getallocatedblocks() - before
