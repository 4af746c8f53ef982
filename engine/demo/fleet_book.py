"""The simulator's book in the words of a fleet: of each call, which node got which stretch of its audio. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.demo.fleet_simulator import FleetCall
from engine.simulator.options import Said

NS_PER_MS = 1_000_000
OPEN_MS = 400.0  # of audio that a subscription may lack and still be the one that hears


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one subscription got, in places (ms) of its call."""

    from_ms: float
    to_ms: float
    client: str  # the node


@dataclass(frozen=True, slots=True)
class BookedCall:
    """A call; its number, from 1, is for people."""

    number: int
    conversation_id: str
    started_ns: int | None  # None before anybody followed it
    duration_ms: int  # of one round
    said: tuple[Said, ...]
    sent: tuple[Stretch, ...]

    def hearers(self, now_ns: int) -> tuple[str, ...]:
        """Who hears it at this moment: more than one while it is handed over; the latest last."""
        if self.started_ns is None:
            return ()
        now_ms = (now_ns - self.started_ns) / NS_PER_MS
        return tuple(dict.fromkeys(each.client for each in self.sent if each.to_ms >= now_ms - OPEN_MS))

    def unheard_s(self, now_ns: int) -> float | None:
        """How long nobody has heard it by now; None where it has not begun, or is heard."""
        if self.started_ns is None or not self.sent or self.hearers(now_ns):
            return None
        return (now_ns - self.started_ns) / 1e9 - max(each.to_ms for each in self.sent) / 1000


def book(calls: Iterable[FleetCall]) -> tuple[BookedCall, ...]:
    """The simulator's calls; a client `SIMULATOR.NAME` is the node NAME."""
    return tuple(
        BookedCall(
            number,
            call.conversation_id,
            call.started_ns,
            call.duration_ms,
            call.said,
            tuple(Stretch(each.from_ms, each.to_ms, each.client.partition(".")[2]) for each in call.sent),
        )
        for number, call in enumerate(calls, 1)
    )
