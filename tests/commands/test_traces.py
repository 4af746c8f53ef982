import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.commands.traces import CLOSE_S, QUEUE, _ended_within, open_traces
from engine.errors import ConfigError
from engine.options import TelemetryOptions
from tests.support.collector import collector
from tests.support.commands import BASE
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
SPOTTED_NS = 1_767_323_045_678_000_000  # 2026-01-02T03:04:05.678Z
TOLD = {
    "cueline.rule": "transfer",
    "cueline.sink": "hook",
    "cueline.outcome": "delivered",
    "cueline.attempts": 2,
    "cueline.conversation_id": "conv-1",
    "cueline.channel": "external",
    "cueline.fired_on": "partial",
    "cueline.key": "conv-1/external/transfer/1200",
}


def to(url: str) -> TelemetryOptions:
    return TelemetryOptions(otlp_endpoint=url)


async def test_without_an_endpoint_nothing_is_made():
    async with open_traces(TelemetryOptions()) as trace:
        trace(BASE, "hook", "delivered", 1)


@pytest.mark.parametrize("end", ["", "/"])
async def test_a_delivery_is_a_span_that_says_nothing_of_what_was_said(end):
    assert datetime.fromtimestamp(SPOTTED_NS / 1e9, UTC).isoformat(timespec="milliseconds") == BASE.spotted_at.replace(
        "Z", "+00:00"
    )
    before_ns = time.time_ns()
    async with collector() as it:
        async with open_traces(to(it.url + end)) as trace:
            trace(BASE, "hook", "delivered", 2)
            trace(BASE, "log", "failed", 1)
        good, bad = sorted(it.spans, key=lambda span: not span.well)
    assert (good.name, good.attributes, good.begin_ns, good.well) == ("cueline.command", TOLD, SPOTTED_NS, True)
    assert before_ns <= good.end_ns <= time.time_ns()
    assert (bad.attributes["cueline.outcome"], bad.well) == ("failed", False)
    assert good.resource["service.name"] == "cueline"
    assert "transfer me" not in str(it.spans)


async def test_the_standards_own_names_hold(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "night-shift")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
    async with collector() as it:
        async with open_traces(to(it.url)) as trace:
            trace(BASE, "hook", "delivered", 1)
        (span,) = it.spans
    assert (span.resource["service.name"], span.resource["deployment.environment"]) == ("night-shift", "test")


async def test_a_clock_that_was_set_back_makes_no_span_that_ends_before_it_begins(monkeypatch):
    async with collector() as it:
        async with open_traces(to(it.url)) as trace:
            monkeypatch.setattr("time.time_ns", lambda: SPOTTED_NS - 10**9)
            trace(BASE, "hook", "delivered", 1)
            monkeypatch.undo()
        (span,) = it.spans
    assert span.begin_ns == span.end_ns == SPOTTED_NS - 10**9


async def test_a_collector_that_is_down_is_told_of_once_and_stops_nobody():
    """Ten times what its queue holds is taken without waiting, and the end waits for it no longer than allowed."""
    with socket.socket() as nobody, capture_logs() as lines:
        nobody.bind(("127.0.0.1", 0))  # it never listens
        async with open_traces(to(f"http://127.0.0.1:{nobody.getsockname()[1]}")) as trace:
            for _ in range(10 * QUEUE):
                trace(BASE, "hook", "delivered", 1)
            closing_s = time.monotonic()
        closing_s = time.monotonic() - closing_s
    assert closing_s < CLOSE_S + 10  # a busy machine is slow; a queue that was waited for would take 80 batches of 5 s
    told = [line["event"] for line in lines]
    assert told.count("Traces are not taken: they are left out until they are") <= 1
    assert set(told) <= {
        "Traces are not taken: they are left out until they are",
        "The last traces were not taken in time",
    }


async def test_a_collector_that_comes_back_gets_what_comes_then():
    with capture_logs() as lines:
        async with collector() as it:
            it.status = 400  # not to be repeated
            async with open_traces(to(it.url)) as trace:
                trace(BASE, "hook", "delivered", 1)
                await until(lambda: lines)
                it.status = 200
                trace(BASE, "log", "delivered", 1)
                await until(lambda: len(lines) > 1)
    assert [line["event"] for line in lines] == [
        "Traces are not taken: they are left out until they are",
        "Traces are taken again",
    ]
    assert lines[1]["lost"] == 1
    assert [span.attributes["cueline.sink"] for span in it.spans] == ["log"]


async def test_without_the_extra_the_start_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError) as caught:
        async with open_traces(to("http://127.0.0.1:4318")):
            pass
    (fault,) = caught.value.faults
    assert fault.startswith("OTEL_EXPORTER_OTLP_ENDPOINT: traces need the extra otel")
    assert "pip install 'cueline[otel]'" in fault


async def test_an_end_that_hangs_is_not_waited_for():
    stall = threading.Event()
    assert not await _ended_within(0.05, lambda: stall.wait(60))
    stall.set()
    assert await _ended_within(20, lambda: None)


def test_the_engine_does_not_import_the_library_unasked():
    code = "import sys, engine.supervisor; print([name for name in sys.modules if name.startswith('opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
