import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.soaking import (
    TOTAL,
    ProcessSample,
    Sample,
    Windows,
    count_lines,
    delta,
    latency_line,
    memory_lines,
    rise,
    steady,
    window_p99_ms,
    work_lines,
)

WINDOWS = Windows(20, 20, 100)


def sample(at_s: float, pss_mb: float = 100.0, fds: int = 10, counts: tuple[float, float, float] = (0, 0, 0), **more):
    """One process; its latency histogram has the bounds 0.01, 0.1 and infinity."""
    process = ProcessSample(pss_mb, 2 * pss_mb, fds, 1, at_s / 10)
    buckets = tuple(zip((0.01, 0.1, math.inf), counts, strict=True))
    fields = {"frames": 0, "dropped": 0, "waiting_frames": 0, "waiting_commands": 0, "recognizers": 4} | more
    return Sample(at_s, {"worker 1": process}, buckets, **fields)


def test_a_run_is_cut_into_warm_up_and_two_windows():
    assert Windows.of(1800) == Windows(300, 300, 1800)
    short = Windows.of(120)
    assert (short.warm_s, short.first, short.last) == (24, (24, 54), (90, 120))


def test_the_rise_is_the_least_squares_lines():
    assert rise([(0, 5.0), (10, 5.0)]) == 0
    assert rise([(0, 1.0), (1, 2.0), (2, 3.0)]) == pytest.approx(2)
    assert rise([(0, 0.0), (1, 0.0), (2, 3.0)]) == pytest.approx(3)  # slope 1.5 over 2 s
    assert rise([(0, 0.0), (1, 9.0), (2, 0.0)]) == pytest.approx(0), "one odd sample in the middle decides nothing"
    assert rise([]) == rise([(3, 4.0)]) == rise([(3, 4.0), (3, 9.0)]) == 0


@given(st.floats(-5, 5), st.floats(-100, 100), st.integers(2, 30))
def test_a_straight_line_rises_by_its_slope(slope, start, count):
    points = [(float(x), start + slope * x) for x in range(count)]
    assert rise(points) == pytest.approx(slope * (count - 1), abs=1e-6)


def test_percentiles_are_of_what_was_counted_in_the_window():
    """100 frames below 10 ms before; then 98 below 10 ms and 2 between 10 and 100: the 99th is in the middle of those."""
    samples = [
        sample(20, counts=(100, 100, 100)),
        sample(30, counts=(100, 100, 100)),
        sample(40, counts=(198, 200, 200)),
    ]
    assert delta(samples[0].frame_latency, samples[2].frame_latency) == ((0.01, 98), (0.1, 100), (math.inf, 100))
    assert window_p99_ms(samples, (20, 40)) == pytest.approx(55)
    assert window_p99_ms(samples, (20, 30)) is None, "no frame"
    assert window_p99_ms(samples, (35, 40)) is None, "one sample"


def lines_of(found):
    return {line.name: line for line in found}


def test_memory_may_rise_by_a_hundredth_after_the_warm_up():
    flat = [sample(0, 10)] + [sample(at, 100 + (at - 20) / 80) for at in range(20, 101, 10)]
    found = lines_of(memory_lines(flat, WINDOWS))
    total = found[f"PSS {TOTAL}"]
    assert (total.first, total.last) == (100, 101)
    assert total.growth == pytest.approx(0.01)
    assert found["PSS worker 1"].holds
    growing = [sample(at, 100 + (at - 20) / 40) for at in range(20, 101, 10)]
    assert [line.holds for line in memory_lines(growing, WINDOWS)] == [False, False]
    small = [sample(at, 10 + (at - 20) / 100) for at in range(20, 101, 10)]  # 0.8 MB of 10
    found = lines_of(memory_lines(small, WINDOWS))
    assert found["PSS worker 1"].holds, "a megabyte of one process is noise"
    assert not found[f"PSS {TOTAL}"].holds
    shrinking = [sample(at, 200 - at) for at in range(20, 101, 10)]
    assert all(line.holds for line in memory_lines(shrinking, WINDOWS))


def test_nothing_may_be_opened_and_kept():
    steady_fds = [sample(at, fds=10 + (at == 50)) for at in range(20, 101, 10)]
    assert all(line.holds for line in count_lines(steady_fds, WINDOWS))
    leak = [sample(at, fds=10 + at // 40) for at in range(20, 101, 10)]
    found = lines_of(count_lines(leak, WINDOWS))
    assert not found["fds worker 1"].holds
    assert found["threads worker 1"].holds


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        (100, 120, True),
        (100, 121, False),
        (100, 50, True),
        (10, 15, True),
        (10, 15.1, False),
        (None, 5, False),
        (5, None, False),
    ],
)
def test_latency_may_rise_by_a_fifth_or_a_few_milliseconds(first, last, holds):
    assert latency_line("x", first, last).holds is holds


def test_work_is_judged_too():
    calm = [sample(at, state_bytes={"outbox.db": 5_000_000}) for at in range(20, 101, 10)]
    found = lines_of(work_lines(calm, WINDOWS, 100, 98))
    assert all(line.holds for line in found.values())
    assert found["state: outbox.db"].last == 5
    assert not lines_of(work_lines(calm, WINDOWS, 100, 97))["phrases said, heard"].holds
    assert not lines_of(work_lines(calm, WINDOWS, 0, 0))["phrases said, heard"].holds
    piling = [sample(at, waiting_commands=at // 10, dropped=at) for at in range(20, 101, 10)]
    found = lines_of(work_lines(piling, WINDOWS, 100, 100))
    assert not found["commands waiting"].holds
    assert not found["frames dropped"].holds


def test_a_process_that_was_replaced_is_noticed():
    one, other = sample(0), sample(1)
    assert steady([one, other])
    gone = Sample(2, {}, (), 0, 0, 0, 0, 0)
    assert not steady([one, gone])
    other = Sample(1, {"worker 1": replace(one.processes["worker 1"], pid=7)}, (), 0, 0, 0, 0, 0)
    assert not steady([one, other])
