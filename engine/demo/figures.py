"""Figures of the engine, read from its `/metrics`. Pure.

Percentiles of its histogram are interpolated within a bucket: the true value lies somewhere between that bucket's bounds.
"""

from collections import defaultdict
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from engine.percentiles import Buckets

RANKS = (0.50, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the engine has counted by now, over all shards."""

    conversations: int = 0  # followed now
    frames: int = 0
    dropped: int = 0
    waiting_frames: int = 0
    waiting_commands: int = 0
    audio_s: float = 0.0
    reconnects: int = 0
    worker_cpu_s: float = 0.0
    decode_s: float = 0.0  # CPU
    vad_s: float = 0.0  # CPU
    ipc_s: float = 0.0  # CPU
    utilization: float = 0.0  # of the busiest shard
    recognizers: int = 0
    frame_latency: Buckets = ()

    @property
    def idle(self) -> bool:
        """Nothing is followed, nothing waits to be heard or delivered."""
        return not (self.conversations or self.waiting_frames or self.waiting_commands)


def read_metrics(text: str) -> Reading:
    """Add up the samples of an exposition; ValueError where it is none."""
    sums: dict[str, float] = defaultdict(float)
    buckets: dict[float, float] = defaultdict(float)
    utilization = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] += sample.value
            if sample.name == "cueline_frame_latency_seconds_bucket":
                buckets[float(sample.labels["le"])] += sample.value
            elif sample.name == "cueline_shard_utilization_ratio":
                utilization = max(utilization, sample.value)
    return Reading(
        conversations=int(sums["cueline_conversations"]),
        frames=int(sums["cueline_frames_total"]),
        dropped=int(sums["cueline_frames_dropped_total"]),
        waiting_frames=int(sums["cueline_queue_depth_frames"]),
        waiting_commands=int(sums["cueline_outbox_pending"]),
        audio_s=sums["cueline_audio_seconds_total"],
        reconnects=int(sums["cueline_reconnects_total"]),
        worker_cpu_s=sums["cueline_worker_cpu_seconds_total"],
        decode_s=sums["cueline_decode_seconds_total"],
        vad_s=sums["cueline_vad_seconds_total"],
        ipc_s=sums["cueline_worker_ipc_seconds_total"],
        utilization=utilization,
        recognizers=int(sums["cueline_recognizers"]),
        frame_latency=tuple(sorted(buckets.items())),
    )
