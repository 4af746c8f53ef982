"""A scrape: the whole text of `GET /metrics`, made on the supervisor's loop, so it delays everything else."""

from prometheus_client.parser import text_string_to_metric_families
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from engine.metrics import Metrics
from engine.shard_metrics import ShardReading
from engine.stats import CELL_COUNT

SHARDS = 4


def test_exposition_of_four_shards(benchmark: BenchmarkFixture) -> None:
    """Every metric, with all counters in use."""
    cells = [float(cell) for cell in range(CELL_COUNT)]
    metrics = Metrics(lambda: [ShardReading(shard, cells, 3, 0, 0, 0.5) for shard in range(SHARDS)])
    metrics.spot_latency(0.3)
    metrics.phrase_spotted("cancel-my-order")
    text = measure(benchmark, metrics.exposition, operations=1)
    families = {family.name: family for family in text_string_to_metric_families(text.decode())}
    assert {sample.labels["shard"] for sample in families["cueline_frames"].samples} == set(map(str, range(SHARDS)))
