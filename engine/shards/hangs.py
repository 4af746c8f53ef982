"""Whether a silent worker hangs, or only gets no processor. Pure: clocks, and looks at the process, are passed in.

A heartbeat is a turn of the work loop. A worker without one for `timeout_s` hangs when it is stopped, sleeps (a work loop
never sleeps so long) or computes (an endless loop). When it would run, or waits for a disk, but got less than half of the
time as CPU, then the machine is too busy, and a replacement would be no better off: it is given STARVED_FACTOR times as
long. Looking costs, so a worker is looked at only once it is suspect: silent for half of the time-out.
"""

from collections.abc import Callable
from dataclasses import dataclass

STARVED_FACTOR = 5
STARVED_SHARE = 0.5
WANTS_TO_RUN = frozenset("RD")  # as /proc/PID/stat has it: runnable, or waiting for a disk


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """A process as the kernel sees it."""

    state: str  # one letter
    cpu_s: float  # since it began


def is_starved(state: str, cpu_s: float, silent_s: float) -> bool:
    """Whether a process that was silent for so long, and had so much CPU in that time, only lacked a processor."""
    return state in WANTS_TO_RUN and cpu_s < STARVED_SHARE * silent_s


class HangJudge:
    """One worker's; asked at every check."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._heartbeat_ns = 0
        self._first: tuple[int, ProcessLook] | None = None  # since this heartbeat, and when

    def hangs(self, heartbeat_ns: int, now_ns: int, look: Callable[[], ProcessLook | None]) -> bool:
        """Judge by the latest heartbeat; `look` gives None for a process that is gone (its link tells of that)."""
        silent_s = (now_ns - heartbeat_ns) / 1e9
        if heartbeat_ns != self._heartbeat_ns:
            self._heartbeat_ns, self._first = heartbeat_ns, None
        if silent_s <= self._timeout_s / 2:
            return False
        seen = look()
        if seen is None:
            return False
        if self._first is None:
            self._first = now_ns, seen
        if silent_s <= self._timeout_s:
            return False
        return silent_s > STARVED_FACTOR * self._timeout_s or self._is_guilty(now_ns, seen)

    def _is_guilty(self, now_ns: int, seen: ProcessLook) -> bool:
        """Judge between the first look and this one; at the first look itself only what wants to run gets another check."""
        assert self._first is not None
        then_ns, then = self._first
        return not is_starved(seen.state, seen.cpu_s - then.cpu_s, max((now_ns - then_ns) / 1e9, 1e-9))
