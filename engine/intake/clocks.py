"""The clocks of the machine, for what has to be told beyond one process."""

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from engine.intake.past import Moment


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def moment_now() -> Moment:
    """Now, on the wall clock and on the one that nobody can set."""
    return Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), _boot_id())


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
