import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from engine.audiohook_metrics import FAULTS
from engine.errors import REFUSALS
from engine.genesys import realtime
from engine.genesys.audiohook import states
from engine.intake.conversation import END_REASONS
from engine.intake.leaving import name_reasons
from engine.metrics import IGNORED, LIVE_SOURCES, LIVE_STATES, Metrics
from engine.shard_metrics import ShardReading
from engine.stats import CELL_COUNT, LATENCY_BOUNDS_S, Cell

# DESIGN §8: name, type, labels.
INTERFACE = {
    "cueline_frame_latency_seconds": ("histogram", {"shard"}),
    "cueline_queue_depth_frames": ("gauge", {"shard"}),
    "cueline_spot_latency_seconds": ("histogram", set()),
    "cueline_frames": ("counter", {"shard"}),
    "cueline_frames_dropped": ("counter", {"shard", "reason"}),
    "cueline_audio_seconds": ("counter", {"shard", "kind"}),
    "cueline_decode_seconds": ("counter", {"shard"}),
    "cueline_utterances": ("counter", {"shard"}),
    "cueline_phrases_spotted": ("counter", {"rule"}),
    "cueline_commands": ("counter", {"sink", "outcome"}),
    "cueline_rule_commands": ("counter", {"rule", "outcome"}),
    "cueline_outbox_pending": ("gauge", set()),
    "cueline_conversations": ("gauge", {"source", "state"}),
    "cueline_conversations_refused": ("counter", {"reason"}),
    "cueline_reconnects": ("counter", {"reason"}),
    "cueline_worker_restarts": ("counter", {"shard"}),
    "cueline_shard_utilization_ratio": ("gauge", {"shard"}),
    "cueline_shard_up": ("gauge", {"shard"}),
    "cueline_worker_memory_bytes": ("gauge", {"shard"}),
    "cueline_sink_latency_seconds": ("histogram", {"sink"}),
    "cueline_rate_limited": ("counter", {"where"}),
    "cueline_token_renewals_failed": ("counter", set()),
    "cueline_capacity_left_ratio": ("gauge", {"shard"}),
    "cueline_loop_lag_seconds": ("gauge", set()),
    "cueline_token_seconds_left": ("gauge", set()),
    "cueline_model_info": ("gauge", {"name", "decoding", "frames_per_chunk"}),
}


def reading(shard: int = 0, cells: dict[Cell | int, float] | None = None) -> ShardReading:
    values = [0.0] * CELL_COUNT
    for cell, value in (cells or {}).items():
        values[cell] = value
    return ShardReading(
        shard,
        values,
        queue_depth_frames=7,
        restarts=2,
        overrun_frames=3,
        utilization_ratio=0.25,
        capacity_left_ratio=0.375,
        up=shard != 1,
        memory_bytes=50_000_000,
    )


def everything() -> Metrics:
    """Each of the record functions called once."""
    metrics = Metrics(lambda: [reading(0), reading(1)])
    metrics.conversation_moved("realtime", None, "listening")
    metrics.conversation_ended("realtime", "ended")
    metrics.conversation_refused("capacity")
    metrics.reconnected("dropped")
    metrics.message_ignored("unknown_type")
    metrics.gap_heard(1.5)
    metrics.event_lost()
    metrics.phrase_spotted("transfer-me")
    metrics.command_done("transfer-me", "log", "delivered")
    metrics.spot_latency(0.2)
    metrics.sink_took("log", 0.002)
    metrics.rate_limited("platform")
    metrics.renewal_failed()
    metrics.outbox_pending(4)
    metrics.loop_lag(0.01)
    metrics.token_life_from(lambda: 86_000.0)
    metrics.model_loaded("cueline-en-8k", "grammar", "20")
    return metrics


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of an exposition; none may come twice."""
    found = [
        ((sample.name, tuple(sorted(sample.labels.items()))), sample.value)
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_every_name_of_the_interface_is_exposed_with_type_and_labels():
    families = {family.name: family for family in text_string_to_metric_families(everything().exposition().decode())}
    for name, (kind, labels) in INTERFACE.items():
        assert families[name].type == kind, name
        for sample in families[name].samples:
            assert set(sample.labels) - {"le"} == labels, sample


def test_every_metric_is_ours_and_has_help_and_labels_from_closed_sets():
    closed = {
        "shard",
        "reason",
        "kind",
        "rule",
        "sink",
        "outcome",
        "source",
        "state",
        "where",
        "fault",
        "direction",
        "le",
    }
    closed |= INTERFACE["cueline_model_info"][1]
    for family in text_string_to_metric_families(everything().exposition().decode()):
        if family.name.endswith("_created"):
            continue
        assert family.name.startswith(("cueline_", "process_"))
        assert family.documentation
        assert {label for sample in family.samples for label in sample.labels} <= closed, family.name


def test_each_record_function_moves_its_sample():
    found = samples(everything())
    expected = {
        ("cueline_conversations", (("source", "realtime"), ("state", "listening"))): 1,
        ("cueline_conversations_ended_total", (("reason", "ended"), ("source", "realtime"))): 1,
        ("cueline_conversations_refused_total", (("reason", "capacity"),)): 1,
        ("cueline_reconnects_total", (("reason", "dropped"),)): 1,
        ("cueline_messages_ignored_total", (("reason", "unknown_type"),)): 1,
        ("cueline_audio_gap_seconds_total", ()): 1.5,
        ("cueline_events_lost_total", ()): 1,
        ("cueline_phrases_spotted_total", (("rule", "transfer-me"),)): 1,
        ("cueline_commands_total", (("outcome", "delivered"), ("sink", "log"))): 1,
        ("cueline_rule_commands_total", (("outcome", "delivered"), ("rule", "transfer-me"))): 1,
        ("cueline_spot_latency_seconds_count", ()): 1,
        ("cueline_spot_latency_seconds_sum", ()): 0.2,
        ("cueline_sink_latency_seconds_sum", (("sink", "log"),)): 0.002,
        ("cueline_rate_limited_total", (("where", "platform"),)): 1,
        ("cueline_rate_limited_total", (("where", "realtime"),)): 0,
        ("cueline_token_renewals_failed_total", ()): 1,
        ("cueline_outbox_pending", ()): 4,
        ("cueline_loop_lag_seconds", ()): 0.01,
        ("cueline_token_seconds_left", ()): 86_000,
        ("cueline_model_info", (("decoding", "grammar"), ("frames_per_chunk", "20"), ("name", "cueline-en-8k"))): 1,
    }
    assert {key: found[key] for key in expected} == expected


def test_what_workers_count_is_read_from_their_cells():
    cells = {
        Cell.FRAMES: 500,
        Cell.FRAMES_SKIPPED: 4,
        Cell.FRAMES_REJECTED: 5,
        Cell.VOICED_S: 6.5,
        Cell.UNVOICED_S: 3.5,
        Cell.DECODE_S: 0.25,
        Cell.VAD_S: 0.125,
        Cell.CPU_S: 0.5,
        Cell.IPC_S: 0.75,
        Cell.UTTERANCES: 8,
        Cell.RECOGNIZERS: 9,
    }
    found = samples(Metrics(lambda: [reading(3, cells)]))
    shard = ("shard", "3")
    expected = {
        ("cueline_frames_total", (shard,)): 500,
        ("cueline_frames_dropped_total", (("reason", "ring_full"), shard)): 3,
        ("cueline_frames_dropped_total", (("reason", "skipped"), shard)): 4,
        ("cueline_frames_dropped_total", (("reason", "vad_error"), shard)): 5,
        ("cueline_audio_seconds_total", (("kind", "voiced"), shard)): 6.5,
        ("cueline_audio_seconds_total", (("kind", "unvoiced"), shard)): 3.5,
        ("cueline_decode_seconds_total", (shard,)): 0.25,
        ("cueline_vad_seconds_total", (shard,)): 0.125,
        ("cueline_worker_cpu_seconds_total", (shard,)): 0.5,
        ("cueline_worker_ipc_seconds_total", (shard,)): 0.75,
        ("cueline_utterances_total", (shard,)): 8,
        ("cueline_recognizers", (shard,)): 9,
        ("cueline_queue_depth_frames", (shard,)): 7,
        ("cueline_worker_restarts_total", (shard,)): 2,
        ("cueline_shard_utilization_ratio", (shard,)): 0.25,
        ("cueline_capacity_left_ratio", (shard,)): 0.375,
        ("cueline_shard_up", (shard,)): 1,
        ("cueline_worker_memory_bytes", (shard,)): 50_000_000,
    }
    assert {key: found[key] for key in expected} == expected


@given(st.lists(st.integers(0, 10**6), min_size=len(LATENCY_BOUNDS_S) + 1, max_size=len(LATENCY_BOUNDS_S) + 1))
def test_the_latency_histogram_is_cumulative_and_consistent(counts):
    cells = {Cell.LATENCY_FIRST + index: count for index, count in enumerate(counts)} | {Cell.LATENCY_SUM_S: 12.5}
    found = samples(Metrics(lambda: [reading(0, cells)]))
    shard = ("shard", "0")
    bounds = [*(str(bound) for bound in LATENCY_BOUNDS_S), "+Inf"]
    buckets = [found["cueline_frame_latency_seconds_bucket", (("le", bound), shard)] for bound in bounds]
    assert buckets == [sum(counts[: index + 1]) for index in range(len(counts))]
    assert found["cueline_frame_latency_seconds_count", (shard,)] == buckets[-1]
    assert found["cueline_frame_latency_seconds_sum", (shard,)] == 12.5


def test_bounds_rise_and_hold_the_target():
    assert list(LATENCY_BOUNDS_S) == sorted(set(LATENCY_BOUNDS_S))
    assert 0.2 in LATENCY_BOUNDS_S  # issue 2: p99 of frame latency
    assert len(Cell) <= CELL_COUNT


def test_a_conversation_is_in_one_state_and_leaves_the_gauge_when_it_has_left():
    metrics = Metrics()
    path = (None, "checking", "connecting", "listening", "reconnecting", "listening", "ended", None)
    for before, after in pairwise(path):
        metrics.conversation_moved("realtime", before, after)
        states = {
            labels[1][1]: value
            for (name, labels), value in samples(metrics).items()
            if name == "cueline_conversations" and labels[0][1] == "realtime"
        }
        assert states == {state: float(state == after) for state in LIVE_STATES}


def test_gauges_of_states_are_there_from_the_start_and_shards_when_there_are_any():
    found = samples(Metrics())
    assert sum(name == "cueline_conversations" for name, _ in found) == len(LIVE_SOURCES) * len(LIVE_STATES)
    assert not any(name == "cueline_frames_total" for name, _ in found)


def test_engines_do_not_share_their_metrics():
    one, other = Metrics(), Metrics()
    one.phrase_spotted("a")
    assert ("cueline_phrases_spotted_total", (("rule", "a"),)) not in samples(other)


def test_an_exposition_does_not_change_what_it_tells():
    metrics = everything()
    once, again = (metrics.exposition().split(b"# HELP process_")[0] for _ in range(2))
    assert once == again


@pytest.mark.parametrize("name", INTERFACE)
def test_every_name_of_the_interface_is_in_the_reference(name):
    kind, _ = INTERFACE[name]
    reference = (Path(__file__).parents[1] / "docs" / "metrics.md").read_text()
    assert f"| `{name}{'_total' if kind == 'counter' else ''}` | {kind} |" in reference


def values(found: dict, name: str, label: str) -> dict[str, float]:
    return {dict(labels)[label]: value for (each, labels), value in found.items() if each == name}


def test_what_is_known_at_the_start_begins_at_zero_so_that_the_first_event_is_a_rise():
    metrics = Metrics()
    name_reasons(metrics)
    metrics.rules_known(["transfer-me", "close"])
    metrics.sink_known("webhook")
    found = samples(metrics)
    assert values(found, "cueline_phrases_spotted_total", "rule") == {"transfer-me": 0, "close": 0}
    outcomes = {"delivered": 0, "failed": 0, "refused": 0, "unknown": 0, "elsewhere": 0}
    assert values(found, "cueline_commands_total", "outcome") == outcomes
    assert values(found, "cueline_sink_circuit_open", "sink") == {"webhook": 0}
    assert found["cueline_sink_latency_seconds_count", (("sink", "webhook"),)] == 0
    assert values(found, "cueline_conversations_refused_total", "reason") == dict.fromkeys(REFUSALS, 0)
    assert set(values(found, "cueline_conversations_ended_total", "reason")) == set(END_REASONS)
    assert set(values(found, "cueline_reconnects_total", "reason")) >= {"dropped", "rate_limited"}
    assert set(values(found, "cueline_audiohook_faults_total", "fault")) == set(FAULTS)


def test_the_reasons_for_ignoring_a_message_are_all_known():
    sources = (Path(__file__).parents[1] / "engine/intake").glob("*.py")
    ours = {reason for file in sources for reason in re.findall(r'message_ignored\("(\w+)"\)', file.read_text())}
    assert ours
    assert set(IGNORED) == {*get_args(realtime.IgnoredReason), *get_args(states.IgnoredReason), *ours}
    assert len(IGNORED) == len(set(IGNORED))


def test_the_faults_of_audiohook_are_all_known():
    assert {*get_args(states.OverReason), "too_many", "organization", "json", "serverseq"} <= set(FAULTS)
    assert len(FAULTS) == len(set(FAULTS))
