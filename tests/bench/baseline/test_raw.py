"""The limit: its arithmetic by hand, and once really with one recording."""

import os

import psutil
import pytest

from bench.baseline.raw import Cost, Limit, limit


def cost(decode_cpu_s: float, cpu_s: float) -> Cost:
    return Cost(
        audio_s=100, decoded_s=60, vad_cpu_s=0.1, decode_cpu_s=decode_cpu_s, cpu_s=cpu_s, said=3, heard=2, false=1
    )


def test_costs_add_up():
    both = Cost.total([cost(1, 2), cost(2, 3)])
    assert both == Cost(200, 120, pytest.approx(0.2), 3, 5, 6, 4, 2)
    assert both.rest_cpu_s == pytest.approx(1.8)
    assert both.report() == {
        "cpu_ms_per_call_second": {"vad": 1.0, "decode": 15.0, "rest": 9.0, "all": 25.0},
        "decoded_ratio": 0.6,
        "phrases": {"said": 6, "heard": 4, "false": 2},
    }


def test_what_a_processor_can_hold_is_told_while_all_are_busy():
    found = Limit(processors=2, alone=cost(1, 1.25), busy=cost(2, 2.5), ungated=cost(4, 5))
    assert found.calls_per_core == pytest.approx(40)
    assert found.calls_per_core_decode_only == pytest.approx(50)
    assert [found.calls(cores) for cores in (2, 1.5, 0.99)] == [100, 75, 49]
    report = found.report()
    assert (report["processors"], report["calls_per_core"], report["busy_to_alone"]) == (2, 40.0, 2.0)
    assert report["ungated"]["cpu_ms_per_call_second"]["decode"] == 40


async def test_one_recording_really():
    found = await limit(recordings=1)
    processes = found.processors
    assert (found.alone.said, found.alone.heard) == (3, 3)  # call-01 of the manifest
    assert (found.busy.said, found.ungated.said) == (3 * processes, 3 * processes)
    assert found.busy.heard == found.ungated.heard == 3 * processes
    assert found.alone.audio_s == pytest.approx(31.2, abs=0.05)
    assert found.alone.decoded_s < found.alone.audio_s <= found.ungated.decoded_s / processes
    for each in (found.alone, found.busy, found.ungated):
        assert min(each.vad_cpu_s, each.decode_cpu_s, each.rest_cpu_s) > 0
    assert psutil.Process(os.getpid()).children(recursive=True) == []
