"""What a row of the table of kinds is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from tests.chaos.plant import Plant

Scope = Literal["call", "hook", "shard", "all"]
Recovered = Callable[[], Awaitable[bool]]
Inject = Callable[[Plant, str], Awaitable[Recovered]]  # the target: a conversation id, a shard's number, or ""


@dataclass(frozen=True, slots=True)
class Kind:
    """`inject` does it and returns what to wait for; both may ask the engine, and both bear that it does not answer."""

    name: str
    says: str
    recovers: str  # when it counts as recovered
    scope: Scope
    inject: Inject
    cuts: bool = False  # audio may be missing
    forgets: bool = False  # the supervisor's memory is gone
    alone: bool = False  # the next fault waits for its recovery
    prepare: Callable[[Plant], Awaitable[None]] | None = None  # before the moment that counts as the fault's
