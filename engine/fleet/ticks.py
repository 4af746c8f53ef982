"""This machine's clocks, read."""

import time

from engine.fleet.rights import Tick


def boot_s() -> float:
    """Time since this machine started, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def tick() -> Tick:
    """Now."""
    return Tick(boot_s(), time.monotonic())
