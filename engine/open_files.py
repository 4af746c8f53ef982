"""The process's limit of open files, and how many calls fit into it.

A call needs a descriptor for its socket; while it is checked and opened anew, up to two more. FILES_BESIDE are kept for all else:
the loop, workers and their replacements, the admin API, webhooks, the state file. So a full engine refuses a call with a
sentence before any of those runs out.
"""

import resource
import sys
from dataclasses import dataclass

import structlog

from engine.errors import RefusedError

FILES_PER_CALL = 3
FILES_BESIDE = 100

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """A limit of open files."""

    limit: int = sys.maxsize

    @property
    def calls(self) -> int:
        """How many calls fit."""
        return max(0, (self.limit - FILES_BESIDE) // FILES_PER_CALL)

    def warn_below(self, calls: int) -> None:
        """Say so where fewer calls fit than could be taken otherwise."""
        if self.calls < calls:
            log.warning("open files limit the calls", limit=self.limit, calls=self.calls)

    def check(self, live: int) -> None:
        """RefusedError where another call beside so many does not fit."""
        if live >= self.calls:
            needed = files_for(live + 1)
            raise RefusedError(
                "capacity",
                f"{self.limit} open files are enough for {self.calls} calls; raise the limit (ulimit -n {needed})",
            )


def files_for(calls: int) -> int:
    """Open files needed for so many calls."""
    return calls * FILES_PER_CALL + FILES_BESIDE


def raise_limit() -> OpenFiles:
    """Raise the process's own limit as far as it may, and say what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):  # macOS allows less than it says
            pass
    return OpenFiles(sys.maxsize if soft == resource.RLIM_INFINITY else soft)
