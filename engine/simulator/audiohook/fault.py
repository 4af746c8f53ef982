"""What a row of the fault table is, and how a session that committed one may end."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from engine.simulator.audiohook.client import AudioHookClient

Ended = Literal["refused", "disconnect", "closed", "dropped", "left", "silent", "wrong"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`act` gets a client that is not connected, and does the wrong thing; `after` then sees how it ends."""

    says: str
    expects: frozenset[Ended]
    act: Callable[[AudioHookClient], Awaitable[None]]
    signed: bool = False  # makes sense only where requests are signed
    answers: bool = True  # `disconnect` is answered by `close`
    calm_s: float = 1.0  # so long the server may take to object, before the client closes by itself; 0: it never does
    patience_s: float = 15.0  # for the end to come


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """How it ended. `info` is what the server said with `disconnect`; `status` the upgrade's answer."""

    name: str
    ended: Ended
    expects: frozenset[Ended]
    status: int | None = None
    reason: str | None = None
    info: str | None = None
    closed: bool = False  # `closed` came
    close_code: int | None = None
    heard: tuple[str, ...] = field(default=())  # types of the server's messages, the first hundred
    detail: str = ""  # what the server got wrong, or why there was no connection

    @property
    def as_expected(self) -> bool:
        """The protocol allows that."""
        return self.ended in self.expects

    def body(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"expects": sorted(self.expects), "as_expected": self.as_expected}


def expects(*ended: Ended) -> frozenset[Ended]:
    """A set, short to write."""
    return frozenset(ended)
