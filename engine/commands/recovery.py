"""What becomes of a delivery that an earlier run left unfinished. Pure: the wall clock comes as a number.

Effects that may be had twice are had, whenever that is. Others happen at most once, and only in their time: a call that is
transferred minutes later is another call by then. Where the clock has gone back meanwhile nobody knows how late it is.
"""

from dataclasses import dataclass

from engine.commands.outbox_rows import Kept, State
from engine.commands.sink import Sink

BACK_S = 1.0  # a clock that is behind by less has only been set right


@dataclass(frozen=True, slots=True)
class Resume:
    """It waits again, for so long at most."""

    deadline_s: float


@dataclass(frozen=True, slots=True)
class Close:
    """It ends in this state."""

    state: State
    fault: str


def verdict(kept: Kept, sink: Sink | None, wall: float) -> Resume | Close:
    """`sink` is the configured one of that name, None where there is none now; `kept` is pending."""
    if kept.state == "sending":
        return Close("unknown", "Cueline ended while it was being sent; it may have happened")
    if sink is None:
        return Close("failed", "the configuration has no such sink any more")
    if sink.idempotent:
        return Resume(sink.options.deadline_s)
    if wall < kept.updated - BACK_S:
        return Close("expired", "the clock went back while Cueline was down")
    left_s = min(kept.deadline - wall, sink.options.deadline_s)
    return Resume(left_s) if left_s > 0 else Close("expired", "expired while Cueline was down")
