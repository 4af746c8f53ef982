"""The metrics that workers count: read from their shared cells at scrape time, so a scrape costs them nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.stats import LATENCY_BOUNDS_S, Cell


@dataclass(frozen=True, slots=True)
class ShardReading:
    """What one shard has counted, read at scrape time."""

    shard: int
    cells: Sequence[float]  # CELL_COUNT values, see stats.Cell
    queue_depth_frames: int
    restarts: int
    overrun_frames: int  # dropped by the supervisor because the ring was full
    utilization_ratio: float  # share of the last second in which the work loop was busy
    capacity_left_ratio: float = 1.0  # share of shards.max_utilization that no call has
    up: bool = True  # it has its worker
    memory_bytes: int = 0  # resident, the model's pages that all workers share among them


# What workers count and nothing is made of: name, what it is, where it lies.
_COUNTED = (
    ("cueline_frames", "Frames taken by workers.", Cell.FRAMES),
    ("cueline_decode_seconds", "CPU seconds inside the recognizer.", Cell.DECODE_S),
    ("cueline_vad_seconds", "CPU seconds inside the voice activity detector.", Cell.VAD_S),
    ("cueline_worker_ipc_seconds", "CPU seconds of the worker between turns: doorbells, messages.", Cell.IPC_S),
    ("cueline_worker_cpu_seconds", "CPU seconds of the worker.", Cell.CPU_S),
    ("cueline_utterances", "Utterances heard to their end.", Cell.UTTERANCES),
)

# Gauges that are one number of the reading.
_READ: tuple[tuple[str, str, Callable[[ShardReading], float]], ...] = (
    (
        "cueline_queue_depth_frames",
        "Frames in the rings that the worker has not taken yet.",
        lambda reading: reading.queue_depth_frames,
    ),
    (
        "cueline_shard_utilization_ratio",
        "Share of time in which the work loop was busy.",
        lambda reading: reading.utilization_ratio,
    ),
    (
        "cueline_capacity_left_ratio",
        "Share of shards.max_utilization that no call has; 0 refuses calls.",
        lambda reading: reading.capacity_left_ratio,
    ),
    ("cueline_shard_up", "1 while the shard has its worker.", lambda reading: reading.up),
    (
        "cueline_worker_memory_bytes",
        "Resident memory of the worker, pages that all of them share among it; 0 without a worker.",
        lambda reading: reading.memory_bytes,
    ),
)


class ShardCollector(Collector):
    """Turn shards' readings into metric families."""

    def __init__(self, readings: Callable[[], Iterable[ShardReading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """All families, as they stand now."""
        latency = HistogramMetricFamily(
            "cueline_frame_latency_seconds",
            "Arrival of a frame to the recognizer having taken it (or the gate having let it go).",
            labels=["shard"],
        )
        dropped = CounterMetricFamily(
            "cueline_frames_dropped",
            "Frames lost on the way: ring_full, skipped (a shard that was 3 s behind went on with the newest, or a ring was "
            "overwritten before a replay), vad_error.",
            labels=["shard", "reason"],
        )
        audio = CounterMetricFamily("cueline_audio_seconds", "Audio by the VAD's verdict.", labels=["shard", "kind"])
        recognizers = GaugeMetricFamily("cueline_recognizers", "Recognizers alive.", labels=["shard"])
        restarts = CounterMetricFamily(
            "cueline_worker_restarts", "Workers replaced after they died or hung.", labels=["shard"]
        )
        gauges = [(GaugeMetricFamily(name, text, labels=["shard"]), read) for name, text, read in _READ]
        counters = [(CounterMetricFamily(name, text, labels=["shard"]), cell) for name, text, cell in _COUNTED]
        for reading in self._readings():
            shard, cells = [str(reading.shard)], reading.cells
            latency.add_metric(shard, _buckets(cells), cells[Cell.LATENCY_SUM_S])
            dropped.add_metric([*shard, "ring_full"], reading.overrun_frames)
            dropped.add_metric([*shard, "skipped"], cells[Cell.FRAMES_SKIPPED])
            dropped.add_metric([*shard, "vad_error"], cells[Cell.FRAMES_REJECTED])
            audio.add_metric([*shard, "voiced"], cells[Cell.VOICED_S])
            audio.add_metric([*shard, "unvoiced"], cells[Cell.UNVOICED_S])
            recognizers.add_metric(shard, cells[Cell.RECOGNIZERS])
            restarts.add_metric(shard, reading.restarts)
            for gauge, read in gauges:
                gauge.add_metric(shard, read(reading))
            for family, cell in counters:
                family.add_metric(shard, cells[cell])
        yield from (latency, dropped, audio, recognizers, restarts)
        yield from (gauge for gauge, _ in gauges)
        yield from (family for family, _ in counters)


def _buckets(cells: Sequence[float]) -> list[tuple[str, float]]:
    """Cumulative buckets, as Prometheus wants them."""
    total, buckets = 0.0, []
    for index, bound in enumerate([*map(str, LATENCY_BOUNDS_S), "+Inf"]):
        total += cells[Cell.LATENCY_FIRST + index]
        buckets.append((bound, total))
    return buckets
