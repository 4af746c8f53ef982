"""What was asked of the simulator and what it did, in order, for those who count requests. Bounded; the oldest go first."""

import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from engine.simulator.clock import epoch_ms

CAPACITY = 10_000

ActionKind = Literal["transfer", "disconnect", "attributes"]


@dataclass(slots=True)
class Request:
    """One HTTP request; noted when it arrives, `status` follows with the answer (None: none was sent)."""

    method: str
    path: str
    conversation_id: str | None
    at_ms: int = field(default_factory=epoch_ms)
    at_ns: int = field(default_factory=time.monotonic_ns)
    status: int | None = None
    fault: str | None = None

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done to a conversation on a client's request."""

    kind: ActionKind
    conversation_id: str
    participant_id: str | None  # None: the whole conversation
    details: dict[str, Any]
    at_ms: int = field(default_factory=epoch_ms)
    at_ns: int = field(default_factory=time.monotonic_ns)

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Journal:
    """The last CAPACITY requests and actions."""

    def __init__(self) -> None:
        self.requests: deque[Request] = deque(maxlen=CAPACITY)
        self.actions: deque[Action] = deque(maxlen=CAPACITY)

    def request(self, method: str, path: str, conversation_id: str | None = None) -> Request:
        """Note an arrival; the caller fills in `status` and `fault` later."""
        self.requests.append(Request(method, path, conversation_id))
        return self.requests[-1]

    def action(self, kind: ActionKind, conversation_id: str, participant_id: str | None, **details: Any) -> None:
        """Note something done."""
        self.actions.append(Action(kind, conversation_id, participant_id, details))
