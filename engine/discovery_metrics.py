"""What the follower of Genesys' notifications counts; each function records one metric. All stay 0 where nothing is followed so."""

from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

EventKind = Literal["call", "heartbeat", "closing", "malformed", "unknown_topic", "no_conversation", "no_participants"]
QueryOutcome = Literal["done", "failed"]


class DiscoveryMetrics:
    """A part of `Metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._events = Counter(
            "cueline_discovery_events",
            "Messages of notification channels, by kind; closing announces the end of a socket, the last four can't be used.",
            ["kind"],
            registry=registry,
        )
        for kind in get_args(EventKind):
            self._events.labels(kind)
        self._channels = Gauge("cueline_discovery_channels_up", "Notification channels open now.", registry=registry)
        self._wanted = Gauge(
            "cueline_discovery_channels_wanted",
            "Notification channels that the followed queues and users need; 0 where another engine leads.",
            registry=registry,
        )
        self._queries = Counter(
            "cueline_discovery_queries",
            "Queries for live calls, made after each time in which notifications may have been missed.",
            ["outcome"],
            registry=registry,
        )
        for outcome in get_args(QueryOutcome):
            self._queries.labels(outcome)
        self._found = Counter(
            "cueline_discovery_missed_calls",
            "Live calls that a query found and no event had told of.",
            registry=registry,
        )
        self._live = Gauge("cueline_discovery_calls", "Calls that the notifications say are live.", registry=registry)

    def event(self, kind: EventKind) -> None:
        """A message came."""
        self._events.labels(kind).inc()

    def channel(self, step: Literal[1, -1]) -> None:
        """A channel is open, or no more."""
        self._channels.inc(step)

    def wanted(self, channels: int) -> None:
        """So many channels are needed."""
        self._wanted.set(channels)

    def queried(self, outcome: QueryOutcome) -> None:
        """A query came to its end."""
        self._queries.labels(outcome).inc()

    def found(self, calls: int) -> None:
        """A query found what was missed."""
        self._found.inc(calls)

    def live(self, calls: int) -> None:
        """So many calls are live."""
        self._live.set(calls)
