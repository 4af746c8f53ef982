"""docs/live.md names every field that is sent, and no other."""

import re
import time
from pathlib import Path

import pytest

from tests.support.live_board import scene, spotted

DOCUMENT = (Path(__file__).parents[2] / "docs/live.md").read_text()


def fields(shape: str) -> set[str]:
    section = re.split(r"^##+ ", DOCUMENT, flags=re.MULTILINE)
    (table,) = (part for part in section if part.startswith(f"{shape}\n"))
    return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


@pytest.fixture(scope="module")
def sent():
    """One of each shape."""
    with scene(shows_text=True) as stage:
        stage.call("a")
        stage.board.spotted("id-1", "a", "a", "external", spotted())
        stage.board.outcome("id-1", "transfer-me", "crm", "delivered")
        for _ in range(2):
            stage.board.tick(time.time(), time.monotonic_ns())
        state, tick, timeline = stage.board.state(), stage.last("tick"), stage.board.timeline("a")
        yield {
            "STATE": state,
            "TICK": tick,
            "ENGINE": state["engine"],
            "SHARD": state["shards"][0],
            "CALL": state["calls"][0],
            "PHRASE": stage.last("phrase"),
            "COMMAND": stage.last("command"),
            "SAMPLE": tick["sample"],
            "TIMELINE": timeline,
            "CHANNEL": timeline["channels"][0],
        }


@pytest.mark.parametrize(
    "shape",
    ["STATE", "TICK", "ENGINE", "SHARD", "CALL", "PHRASE", "COMMAND", "SAMPLE", "TIMELINE", "CHANNEL"],
)
def test_each_shape_is_as_documented(sent, shape):
    assert set(sent[shape]) == fields(shape)


def test_history_has_the_samples_series(sent):
    assert set(sent["STATE"]["history"]) == fields("SAMPLE")


def test_the_inner_shapes_are_named():
    for inner in (
        '{"name", "phrases", "sinks"}',
        '{"channel", "speaking", "late_ms"}',
        '{"sink", "outcome", "latency_ms"}',
    ):
        assert inner in DOCUMENT


def test_the_inner_shapes_are_so(sent):
    assert set(sent["STATE"]["rules"][0]) == {"name", "phrases", "sinks"}
    assert set(sent["CALL"]["channels"][0]) == {"channel", "speaking", "late_ms"}
    assert set(sent["STATE"]["phrases"][0]["deliveries"][0]) == {"sink", "outcome", "latency_ms"}
