"""A simulated AudioHook call as `GET /simulator/calls` shows it: the main simulator's shape, with what AudioHook adds."""

from dataclasses import dataclass

from engine.options import Channel
from engine.simulator.call import CallReport


@dataclass(frozen=True, slots=True)
class HookReport(CallReport):
    """A call as `GET /simulator/calls` shows it: the main simulator's fields, and AudioHook's."""

    session_id: str | None  # the latest
    organization_id: str
    participant_id: str
    channels: tuple[Channel, ...]  # as the server chose them; empty before it has, or where it wanted none
    sessions: int  # that opened
    attempt: int  # of the latest session: 0 the first, until one has lasted for a while
    ending: str | None  # how the last session ended
