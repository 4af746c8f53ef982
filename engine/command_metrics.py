"""What becomes of what was heard: phrases, commands, the outbox and the sinks. The half of `Metrics` that knows no call."""

from collections.abc import Callable, Iterable
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SPOT_BOUNDS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.0, 5.0, 10.0)
SINK_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

Outcome = Literal["delivered", "failed", "refused", "unknown", "elsewhere"]

COMMANDS = (
    "Commands by sink and outcome: failed is a dead letter, refused a full outbox, unknown a transfer, disconnect or Python "
    "call without an answer, elsewhere one that another node of the fleet has made."
)


class CommandMetrics:
    """Makes its metrics in the registry it is given; each function records one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._spotted = self._counter("cueline_phrases_spotted", "Phrases spotted, repeats left out.", ["rule"])
        self._commands = self._counter("cueline_commands", COMMANDS, ["sink", "outcome"])
        self._rule_commands = self._counter(
            "cueline_rule_commands", "Commands by rule and outcome.", ["rule", "outcome"]
        )
        self._spot_latency = Histogram(
            "cueline_spot_latency_seconds",
            "End of the phrase to the command handed to its sink. On a partial the end is estimated, about ±0.3 s: what cueline "
            "demo and bench capacity measure, against known ends, is the truth.",
            buckets=SPOT_BOUNDS_S,
            registry=self.registry,
        )
        self._sink_latency = Histogram(
            "cueline_sink_latency_seconds",
            "One attempt at a sink: handed over to answered, or given up.",
            ["sink"],
            buckets=SINK_BOUNDS_S,
            registry=self.registry,
        )
        self._outbox = self._gauge("cueline_outbox_pending", "Deliveries waiting or under way.", [])
        self._dead = self._gauge("cueline_outbox_dead", "Dead letters kept.", [])
        self._oldest = self._gauge(
            "cueline_outbox_oldest_seconds", "For how long the oldest pending delivery has been pending.", []
        )
        self._circuit = self._gauge("cueline_sink_circuit_open", "1 while a sink fails and is only probed.", ["sink"])

    def _gauge(self, name: str, documentation: str, labels: list[str]) -> Gauge:
        return Gauge(name, documentation, labels, registry=self.registry)

    def _counter(self, name: str, documentation: str, labels: list[str]) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def rules_known(self, rules: Iterable[str]) -> None:
        """The names of all rules."""
        for rule in rules:
            self._spotted.labels(rule)
            for outcome in get_args(Outcome):
                self._rule_commands.labels(rule, outcome)

    def sink_known(self, sink: str) -> None:
        """A sink that will be counted."""
        self._circuit.labels(sink).set(0)
        self._sink_latency.labels(sink)
        for outcome in get_args(Outcome):
            self._commands.labels(sink, outcome)

    def phrase_spotted(self, rule: str) -> None:
        """A phrase was spotted for the first time."""
        self._spotted.labels(rule).inc()

    def command_done(self, rule: str, sink: str, outcome: Outcome) -> None:
        """A delivery came to its end."""
        self._rule_commands.labels(rule, outcome).inc()
        self._commands.labels(sink, outcome).inc()

    def sink_took(self, sink: str, seconds: float) -> None:
        """An attempt at a sink ended after so long, well or not."""
        self._sink_latency.labels(sink).observe(seconds)

    def spot_latency(self, seconds: float) -> None:
        """A command was handed to its sink so long after the phrase's end."""
        self._spot_latency.observe(seconds)

    def outbox_pending(self, count: int) -> None:
        """Deliveries waiting or under way."""
        self._outbox.set(count)

    def outbox_from(self, dead: Callable[[], float], oldest_s: Callable[[], float]) -> None:
        """Where to ask, at scrape time, for the dead letters kept and the age of the oldest pending delivery."""
        self._dead.set_function(dead)
        self._oldest.set_function(oldest_s)

    def circuit_open(self, sink: str, is_open: bool) -> None:
        """A sink's circuit opened or closed."""
        self._circuit.labels(sink).set(is_open)
