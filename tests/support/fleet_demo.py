"""For tests of the fleet's play: literal books, deliveries and moments. Every call's audio begins at moment 0."""

from engine.demo.fleet_account import Killed, account
from engine.demo.fleet_book import BookedCall, Stretch
from engine.demo.fleet_scene import FleetResult, FleetScene, NodeRow
from engine.demo.scoring import Delivery
from engine.simulator.options import Said

MS = 1_000_000  # ns
ROUND_MS = 30_000


def booked(
    *sent: tuple[float, float, str],
    phrases: tuple[tuple[str, int, int], ...] = (("transfer me", 9000, 10_000),),
    number: int = 1,
    begun: bool = True,
) -> BookedCall:
    """A call `c-NUMBER` of one round of 30 s, over and over, with phrases by start and end."""
    said = tuple(Said(phrase=phrase, start_ms=start, end_ms=end) for phrase, start, end in phrases)
    stretches = tuple(Stretch(*each) for each in sent)
    return BookedCall(number, f"c-{number}", 0 if begun else None, ROUND_MS, said, stretches)


def webhook(
    at_ms: int, phrase: str = "transfer me", *, number: int = 1, signed: bool = True, place_ms: int | None = None
) -> Delivery:
    """A command that arrived then; its phrase ended 300 ms before, unless another place is given."""
    place_ms = at_ms - 300 if place_ms is None else place_ms
    return Delivery(f"c-{number}/{phrase}/{at_ms}", f"c-{number}", phrase, place_ms, at_ms * MS, signed)


def kill(node: str, at_ms: int, room: int = 9, relief_ms: int | None = None) -> Killed:
    return Killed(node, at_ms * MS, room, None if relief_ms is None else relief_ms * MS)


def ended(
    *calls: BookedCall,
    deliveries: tuple[Delivery, ...] = (),
    killed: tuple[Killed, ...] = (),
    judged_ms: int = 25_000,
    rows: tuple[NodeRow, ...] = (),
    unreadable: int = 0,
    exit_codes: dict[str, int] | None = None,
    late_ms: float = 0.0,
    complaints: tuple[str, ...] = (),
) -> FleetResult:
    """The play's end, with a lease of 3 s."""
    found = account(calls, deliveries, killed, judged_ms * MS)
    scene = FleetScene(judged_ms * MS, calls, rows, found)
    return FleetResult(scene, killed, 3.0, 60.0, unreadable, exit_codes or {}, late_ms, complaints)
