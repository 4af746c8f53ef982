"""docs/metrics.md, made from the registry: every name with its type, labels and help."""

import dataclasses
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from engine.metrics import Metrics
from engine.shard_metrics import ShardReading
from engine.stats import CELL_COUNT

HEAD = """# Metrics

Made from the source by `make docs`; don't edit. A test fails where it is stale.

`GET /metrics` of the admin port answers in the Prometheus text format. Labels have few values, all known beforehand: shards, configured rules and sinks, reasons from closed sets. What workers count lies in shared memory, so a scrape costs them nothing. With `admin.token` set a scrape needs it, unless `admin.open_metrics` is on.

| metric | type | labels | meaning |
|---|---|---|---|
"""
OPEN_SETS = ("le", "shard", "rule", "sink")  # their values are the configuration's


def page() -> str:
    """The whole file."""
    metrics = Metrics(lambda: [_reading()])
    families = sorted(metrics.registry.collect(), key=lambda family: family.name)
    return HEAD + "".join(_row(family, metrics.registry) for family in families)


def _reading() -> ShardReading:
    """A shard that has done nothing."""
    names = [field.name for field in dataclasses.fields(ShardReading)]
    return ShardReading(**{name: [0.0] * CELL_COUNT if name == "cells" else 0 for name in names})  # type: ignore[arg-type]


def _row(family: Metric, registry: CollectorRegistry) -> str:
    name = family.name + ("_total" if family.type == "counter" else "")
    labels = ", ".join(f"`{label}`{_values(family, label)}" for label in _labels(family, registry))
    meaning = family.documentation.replace("|", "\\|")
    return f"| `{name}` | {family.type} | {labels} | {meaning}{_buckets(family)} |\n"


def _labels(family: Metric, registry: CollectorRegistry) -> Iterable[str]:
    """Of its samples; where there are none yet, as it was declared."""
    if family.samples:
        return [label for label in family.samples[0].labels if label != "le"]
    collector = registry._names_to_collectors[family.name]  # noqa: SLF001 - the library tells it nowhere else
    return tuple(collector._labelnames)  # type: ignore[attr-defined] # noqa: SLF001


def _values(family: Metric, label: str) -> str:
    """Those that are there from the start, where they are a closed set."""
    values = dict.fromkeys(sample.labels.get(label, "") for sample in family.samples)
    if label in OPEN_SETS or len(values) < 2:
        return ""
    return f" ({', '.join(values)})"


def _buckets(family: Metric) -> str:
    bounds = dict.fromkeys(sample.labels["le"] for sample in family.samples if "le" in sample.labels)
    return f" Buckets: {', '.join(bounds)}." if bounds else ""
