"""What the AudioHook simulator saw of its sessions: the other side's view of how well the engine serves. Pure.

Read from its `GET /simulator/summary`; keys that are not needed here are ignored.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

OPENED_MS, PING_MS = 1000.0, 200.0  # the engine's promises: p99.9 of `opened`, p99 of `pong`


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Spread(_Lenient):
    """Milliseconds; nothing but a count of 0 where nothing was measured."""

    count: int = 0
    p50: float | None = None
    p99: float | None = None
    p999: float | None = None
    max: float | None = None


class Sessions(_Lenient):
    """All sessions together, up to now."""

    opened: int
    lost: int  # broke after they had opened
    given_up: int  # calls that nobody took
    retries: int
    refused: dict[str, int] = {}  # sessions that never opened, by how they ended
    refused_ms: Spread = Spread()  # `open` to the `disconnect` that answered it
    opened_ms: Spread  # `open` to `opened`
    ping_ms: Spread
    unsolicited: dict[str, int]  # messages that nobody had asked for, by type
    server_faults: dict[str, int]  # what the engine said that it should not, by what was wrong

    @property
    def faults(self) -> Iterator[str]:
        """What was not as it should be, each in a few words."""
        if self.lost:
            yield f"{self.lost} sessions lost"
        if self.given_up:
            yield f"{self.given_up} calls not taken"
        for what, count in self.server_faults.items():
            yield f"{count} times a wrong message: {what}"
        for kind, count in self.unsolicited.items():
            yield f"{count} messages `{kind}` that nobody asked for"

    @property
    def late(self) -> Iterator[str]:
        """Which promises about time were not kept."""
        if (opened := self.opened_ms.p999) is not None and opened > OPENED_MS:
            yield f"opened p99.9 {opened:.0f} > {OPENED_MS:.0f} ms"
        if (ping := self.ping_ms.p99) is not None and ping > PING_MS:
            yield f"ping p99 {ping:.0f} > {PING_MS:.0f} ms"

    def report(self) -> dict[str, Any]:
        """As plain values."""
        return self.model_dump()


def read_sessions(body: bytes) -> Sessions:
    """Of the simulator's answer; ValueError where it is none."""
    return Sessions.model_validate_json(body)
