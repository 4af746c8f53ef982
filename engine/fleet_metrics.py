"""What a node of a fleet counts; each function records one metric. All stay 0 where no fleet is configured."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WAIT_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
GAP_BOUNDS_S = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 11.0, 12.0, 15.0, 20.0, 30.0, 60.0)

Direction = Literal["in", "out"]


class FleetMetrics:
    """A part of `Metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._waiting = self._gauge("cueline_fleet_offers_waiting", "Calls of the fleet that no node has taken yet.")
        self._nodes = self._gauge("cueline_fleet_nodes", "Nodes of the fleet that were heard of in the last leases.")
        self._leader = self._gauge("cueline_fleet_leader", "1 while this node follows the notifications for all.")
        self._redis_up = self._gauge("cueline_fleet_redis_up", "1 while the fleet's Redis answers this node.")
        self._wait = self._histogram(
            "cueline_fleet_offer_wait_seconds", "From a call's offer to its being taken here.", WAIT_BOUNDS_S
        )
        self._takeover = self._histogram(
            "cueline_fleet_takeover_seconds",
            "Taken over from a node that was lost: from its last note of the call to the first audio here.",
            GAP_BOUNDS_S,
        )
        self._claims = self._counter("cueline_fleet_claims", "Offers taken.")
        self._takeovers = self._counter("cueline_fleet_takeovers", "Calls taken over from a node that was lost.")
        self._handovers = Counter(
            "cueline_fleet_handovers",
            "Calls that changed nodes while both heard them, by direction.",
            ["direction"],
            registry=registry,
        )
        for direction in get_args(Direction):
            self._handovers.labels(direction)
        self._fenced = self._counter(
            "cueline_fleet_fenced", "Calls let go because the lease had to be taken for lost, or another node had them."
        )
        self._elsewhere = self._counter(
            "cueline_fleet_effects_elsewhere",
            "Commands left to the node that had the effect first, or has the call now.",
        )

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, registry=self._registry)

    def _counter(self, name: str, documentation: str) -> Counter:
        return Counter(name, documentation, registry=self._registry)

    def _histogram(self, name: str, documentation: str, bounds: tuple[float, ...]) -> Histogram:
        return Histogram(name, documentation, buckets=bounds, registry=self._registry)

    def seen(self, *, waiting: int, nodes: int) -> None:
        """The fleet at the last look."""
        self._waiting.set(waiting)
        self._nodes.set(nodes)

    def leads(self, leading: bool) -> None:
        """Whether this node leads."""
        self._leader.set(leading)

    def redis_up(self, up: bool) -> None:
        """Whether Redis answered the last time."""
        self._redis_up.set(up)

    def taken(self) -> None:
        """An offer was taken."""
        self._claims.inc()

    def waited(self, waited_s: float) -> None:
        """It was new, and nobody had taken it for so long."""
        self._wait.observe(waited_s)

    def took_over(self) -> None:
        """A call of a lost node was claimed."""
        self._takeovers.inc()

    def heard_again(self, gap_s: float) -> None:
        """Such a call brings audio here, so long after it was last noted there."""
        self._takeover.observe(gap_s)

    def handed(self, direction: Direction) -> None:
        """A call changed nodes by a handover."""
        self._handovers.labels(direction).inc()

    def fenced(self) -> None:
        """A call was let go without having been handed over."""
        self._fenced.inc()

    def effect_elsewhere(self) -> None:
        """A command was left to another node."""
        self._elsewhere.inc()
