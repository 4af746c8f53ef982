"""Rates, quantiles and samples, with numbers worked out by hand."""

import numpy as np

from engine.live.history import KEPT, LATENCIES, SERIES, History, Latencies, Minute, Sampler, bucket_quantile_ms
from engine.stats import CELL_COUNT, LATENCY_BOUNDS_S, Cell


def cells(frames=0, buckets=()):
    made = np.zeros(CELL_COUNT)
    made[Cell.FRAMES] = frames
    made[Cell.LATENCY_FIRST : Cell.LATENCY_FIRST + len(buckets)] = buckets
    return made


def test_a_minute_forgets_what_is_older():
    minute = Minute()
    for second in (100.0, 100.9, 130.0, 159.9):
        minute.add(second)
    assert minute.count(159.9) == 4
    assert minute.count(160.0) == 2  # those of second 100 are gone
    assert minute.count(190.0) == 1
    assert minute.count(5000.0) == 0


def test_a_minute_with_a_clock_that_goes_back_forgets_nothing():
    minute = Minute()
    minute.add(1000.0)
    minute.add(900.0)
    assert minute.count(1000.0) == 2


def test_latencies_are_of_the_last_minute():
    latencies = Latencies()
    assert latencies.quantiles(0.0, (0.5, 0.95)) == [None, None]
    for second, value in enumerate((500, 100, 200, 300, 400)):
        latencies.add(10.0 + second, value)
    assert latencies.quantiles(20.0, (0.5, 0.95)) == [300, 500]
    assert latencies.quantiles(70.0, (0.5, 0.95)) == [200, 400]  # the first was at 10
    for _ in range(LATENCIES + 1):
        latencies.add(70.0, 1)
    assert latencies.quantiles(70.0, (1.0,)) == [1]


def test_quantiles_of_a_histogram_lie_on_a_line_within_a_bucket():
    counts = [0.0] * (len(LATENCY_BOUNDS_S) + 1)
    assert bucket_quantile_ms(counts, 0.5) is None
    counts[3] = 90.0  # 5 to 10 ms
    counts[9] = 10.0  # 100 to 150 ms
    assert bucket_quantile_ms(counts, 0.5) == 7.78  # 5 + 5 * 50 / 90
    assert bucket_quantile_ms(counts, 0.9) == 10.0
    assert bucket_quantile_ms(counts, 0.99) == 145.0  # 100 + 50 * 9 / 10
    counts[-1] = 100.0
    assert bucket_quantile_ms(counts, 0.99) == 5000.0  # at least


def test_a_sample_is_of_the_time_since_the_one_before():
    sampler = Sampler()
    levels = {"calls": 3, "speaking": 2, "utilization": 0.25, "loop_lag_ms": 1.5}
    assert sampler.sample(10.0, cells(frames=7), levels)["frames_per_s"] == 0.0  # since when is not known
    sampler.spotted(11.0)
    sampler.done(11.0, "delivered")
    sampler.done(11.0, "unknown")
    assert (sampler.phrases_total, sampler.outcomes["unknown"], sampler.outcomes["refused"]) == (1, 1, 0)
    sampler.spotting.add(11.0, 120)
    sample = sampler.sample(12.04, cells(frames=211, buckets=(0, 0, 0, 4)), levels)
    assert sample == levels | {
        "at": 12.0,
        "frames_per_s": 100.0,
        "phrases_per_min": 1,
        "commands_per_min": 2,
        "failed_per_min": 1,
        "frame_p50_ms": 7.5,
        "frame_p99_ms": 9.95,
        "spot_p50_ms": 120,
        "spot_p95_ms": 120,
    }
    later = sampler.sample(14.04, cells(frames=211, buckets=(0, 0, 0, 4)), levels)
    assert (later["frames_per_s"], later["frame_p50_ms"]) == (0.0, None)
    assert set(sample) == {"at", *SERIES}


def test_history_keeps_ten_minutes_in_columns():
    history = History()
    assert history.columns() == {name: [] for name in ("at", *SERIES)}
    for number in range(KEPT + 5):
        history.add({"at": float(number)} | dict.fromkeys(SERIES, number))
    columns = history.columns()
    assert columns["at"] == [float(number) for number in range(5, KEPT + 5)]
    assert columns["calls"][0] == 5
    assert KEPT * 2 == 600
