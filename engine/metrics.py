"""Every metric: its name, its labels (closed sets only) and one function that records it.

Supervisor-side counters are prometheus_client's; what workers count lies in shared cells and is read by a collector at
scrape time, so a scrape costs the workers nothing. Names are an interface: DESIGN §8 and the README's table.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.stats import LATENCY_BOUNDS_S, Cell

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SPOT_BOUNDS_S = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.85, 1.0, 1.5, 2.0, 5.0, 10.0)

Source = Literal["realtime", "file"]
ConversationState = Literal["checking", "connecting", "listening", "reconnecting", "ended", "failed"]
LIVE_STATES: tuple[ConversationState, ...] = ("checking", "connecting", "listening", "reconnecting")
Outcome = Literal["delivered", "failed", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class ShardReading:
    """What one shard has counted, read at scrape time."""

    shard: int
    cells: Sequence[float]  # CELL_COUNT values, see stats.Cell
    queue_depth_frames: int
    restarts: int
    overrun_frames: int  # dropped by the supervisor because the ring was full
    utilization_ratio: float  # share of the last second in which the work loop was busy


# What workers count and nothing is made of: name, what it is, where it lies.
_COUNTED = (
    ("cueline_frames", "Frames taken by workers.", Cell.FRAMES),
    ("cueline_decode_seconds", "CPU seconds inside the recognizer.", Cell.DECODE_S),
    ("cueline_vad_seconds", "CPU seconds inside the voice activity detector.", Cell.VAD_S),
    ("cueline_worker_ipc_seconds", "CPU seconds of the worker between turns: doorbells, messages.", Cell.IPC_S),
    ("cueline_worker_cpu_seconds", "CPU seconds of the worker.", Cell.CPU_S),
    ("cueline_utterances", "Utterances heard to their end.", Cell.UTTERANCES),
)


class _ShardCollector(Collector):
    """Turn shards' readings into metric families."""

    def __init__(self, readings: Callable[[], Iterable[ShardReading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        latency = HistogramMetricFamily(
            "cueline_frame_latency_seconds",
            "Arrival of a frame to the recognizer having taken it (or the gate having let it go).",
            labels=["shard"],
        )
        depth = GaugeMetricFamily(
            "cueline_queue_depth_frames", "Frames in the rings that the worker has not taken yet.", labels=["shard"]
        )
        busy = GaugeMetricFamily(
            "cueline_shard_utilization_ratio", "Share of time in which the work loop was busy.", labels=["shard"]
        )
        dropped = CounterMetricFamily("cueline_frames_dropped", "Frames lost on the way.", labels=["shard", "reason"])
        audio = CounterMetricFamily("cueline_audio_seconds", "Audio by the VAD's verdict.", labels=["shard", "kind"])
        recognizers = GaugeMetricFamily("cueline_recognizers", "Recognizers alive.", labels=["shard"])
        restarts = CounterMetricFamily(
            "cueline_worker_restarts", "Workers replaced after they died or hung.", labels=["shard"]
        )
        counters = [(CounterMetricFamily(name, text, labels=["shard"]), cell) for name, text, cell in _COUNTED]
        for reading in self._readings():
            shard, cells = [str(reading.shard)], reading.cells
            latency.add_metric(shard, _buckets(cells), cells[Cell.LATENCY_SUM_S])
            depth.add_metric(shard, reading.queue_depth_frames)
            busy.add_metric(shard, reading.utilization_ratio)
            dropped.add_metric([*shard, "ring_full"], reading.overrun_frames)
            dropped.add_metric([*shard, "skipped"], cells[Cell.FRAMES_SKIPPED])
            dropped.add_metric([*shard, "vad_error"], cells[Cell.FRAMES_REJECTED])
            audio.add_metric([*shard, "voiced"], cells[Cell.VOICED_S])
            audio.add_metric([*shard, "unvoiced"], cells[Cell.UNVOICED_S])
            recognizers.add_metric(shard, cells[Cell.RECOGNIZERS])
            restarts.add_metric(shard, reading.restarts)
            for family, cell in counters:
                family.add_metric(shard, cells[cell])
        yield from (latency, depth, busy, dropped, audio, recognizers, restarts)
        yield from (family for family, _ in counters)


def _buckets(cells: Sequence[float]) -> list[tuple[str, float]]:
    """Cumulative buckets, as Prometheus wants them."""
    total, buckets = 0.0, []
    for index, bound in enumerate([*map(str, LATENCY_BOUNDS_S), "+Inf"]):
        total += cells[Cell.LATENCY_FIRST + index]
        buckets.append((bound, total))
    return buckets


class Metrics:
    """The supervisor's record of everything. One instance per engine, with its own registry."""

    def __init__(self, readings: Callable[[], Iterable[ShardReading]] = tuple) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_ShardCollector(readings))
        self._conversations = Gauge(
            "cueline_conversations",
            "Conversations followed now, by state.",
            ["source", "state"],
            registry=self.registry,
        )
        for state in LIVE_STATES:
            self._conversations.labels("realtime", state)
        self._ended = self._counter(
            "cueline_conversations_ended", "Conversations that left, by how.", ["source", "reason"]
        )
        self._refused = self._counter("cueline_conversations_refused", "Conversations not taken.", ["reason"])
        self._reconnects = self._counter("cueline_reconnects", "Sockets opened again.", ["reason"])
        self._ignored = self._counter(
            "cueline_messages_ignored", "Messages of a peer that were not understood.", ["reason"]
        )
        self._gaps = self._counter("cueline_audio_gap_seconds", "Audio missed while a socket was down.", [])
        self._events_lost = self._counter(
            "cueline_events_lost", "Events that a slow reader of GET /v1/events missed.", []
        )
        self._spotted = self._counter("cueline_phrases_spotted", "Phrases spotted, repeats left out.", ["rule"])
        self._commands = self._counter("cueline_commands", "Commands by sink and outcome.", ["sink", "outcome"])
        self._spot_latency = Histogram(
            "cueline_spot_latency_seconds",
            "End of the phrase to the command handed to its sink.",
            buckets=SPOT_BOUNDS_S,
            registry=self.registry,
        )
        self._add_outbox()
        self._lag = Gauge(
            "cueline_loop_lag_seconds", "How late the event loop's last tick was.", registry=self.registry
        )
        self._token = Gauge(
            "cueline_token_seconds_left", "Life left of the platform token; 0 without one.", registry=self.registry
        )
        self._model = Gauge(
            "cueline_model_info",
            "The model in use; always 1.",
            ["name", "decoding", "frames_per_chunk"],
            registry=self.registry,
        )

    def _add_outbox(self) -> None:
        self._outbox = Gauge("cueline_outbox_pending", "Deliveries waiting or under way.", registry=self.registry)
        self._dead = Gauge("cueline_outbox_dead", "Dead letters kept.", registry=self.registry)
        self._oldest = Gauge(
            "cueline_outbox_oldest_seconds",
            "For how long the oldest pending delivery has been pending.",
            registry=self.registry,
        )
        self._circuit = Gauge(
            "cueline_sink_circuit_open",
            "1 while a sink fails and is only probed.",
            ["sink"],
            registry=self.registry,
        )

    def _counter(self, name: str, documentation: str, labels: list[str]) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)

    def exposition(self) -> bytes:
        """The text that `GET /metrics` answers with (CONTENT_TYPE)."""
        return generate_latest(self.registry)

    def conversation_moved(
        self, source: Source, before: ConversationState | None, after: ConversationState | None
    ) -> None:
        """A conversation changed state; None before it is taken and after it has left."""
        for state, step in ((before, -1), (after, 1)):
            if state in LIVE_STATES:
                self._conversations.labels(source, state).inc(step)

    def conversation_ended(self, source: Source, reason: str) -> None:
        """A conversation left; `reason` is one of `intake.conversation.END_REASONS`."""
        self._ended.labels(source, reason).inc()

    def conversation_refused(self, reason: str) -> None:
        """A conversation was not taken."""
        self._refused.labels(reason).inc()

    def reconnected(self, reason: str) -> None:
        """A socket is being opened again."""
        self._reconnects.labels(reason).inc()

    def message_ignored(self, reason: str) -> None:
        """A peer's message was not understood."""
        self._ignored.labels(reason).inc()

    def gap_heard(self, seconds: float) -> None:
        """Audio was missed."""
        self._gaps.inc(seconds)

    def event_lost(self) -> None:
        """A slow reader of the event stream missed an event."""
        self._events_lost.inc()

    def phrase_spotted(self, rule: str) -> None:
        """A phrase was spotted for the first time."""
        self._spotted.labels(rule).inc()

    def command_done(self, sink: str, outcome: Outcome) -> None:
        """A delivery came to its end."""
        self._commands.labels(sink, outcome).inc()

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

    def loop_lag(self, seconds: float) -> None:
        """How late a tick of the loop was."""
        self._lag.set(seconds)

    def token_life_from(self, seconds_left: Callable[[], float]) -> None:
        """Where to ask, at scrape time, for the life left of the platform token."""
        self._token.set_function(seconds_left)

    def model_loaded(self, name: str, decoding: str, frames_per_chunk: str) -> None:
        """The model in use."""
        self._model.labels(name, decoding, frames_per_chunk).set(1)
