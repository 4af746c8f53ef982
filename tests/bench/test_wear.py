import numpy as np
import pytest

from bench.wear import WEAR, worn
from engine.simulator.options import Said

RATE = 8000


def tone(seconds: float, loudness: float, hertz: float) -> bytes:
    time_s = np.arange(int(seconds * RATE)) / RATE
    return (loudness * np.sin(2 * np.pi * hertz * time_s)).astype("<i2").tobytes()


CALLS = [(tone(2 + 0.1 * n, 8000, 200 + 10 * n), (Said(phrase="a b", start_ms=500, end_ms=1200),)) for n in range(7)]


def waves(calls: list) -> list[np.ndarray]:
    return [np.frombuffer(samples, "<i2").astype(float) for samples, _ in calls]


@pytest.mark.parametrize("kind", WEAR)
def test_the_same_wear_each_time(kind):
    assert worn(CALLS, kind) == worn(CALLS, kind)
    assert len(worn(CALLS, kind)) == len(CALLS)


@pytest.mark.parametrize(("kind", "snr_db"), [("white20", 20), ("white10", 10), ("babble12", 12), ("babble8", 8)])
def test_noise_is_as_loud_as_its_name_says(kind, snr_db):
    """Against the loudest 40 % of the samples: of a sine, |x| > sin(54°) = 0.81 of its peak, mean square 0.90 of it, in theory
    (1 + sin(72°) / (0.4 π)) / 2 = 0.878."""
    for clean, noisy in zip(waves(CALLS), waves(worn(CALLS, kind)), strict=True):
        noise = np.mean((noisy - clean) ** 2)
        assert 10 * np.log10(0.878 * 8000**2 / noise) == pytest.approx(snr_db, abs=0.3)


@pytest.mark.parametrize(("kind", "speed"), [("fast", 1.2), ("slow", 0.8)])
def test_other_speeds_move_what_was_said(kind, speed):
    samples, said = worn(CALLS, kind)[0]
    assert len(samples) == pytest.approx(len(CALLS[0][0]) / speed, abs=4)
    assert (said[0].start_ms, said[0].end_ms) == (int(500 / speed), int(1200 / speed))


def test_quiet_is_a_tenth_and_the_rest_stays_where_it_was():
    (samples, said), *_ = worn(CALLS, "quiet")
    assert np.abs(np.frombuffer(samples, "<i2")).max() < 1200
    assert said == CALLS[0][1]


def test_an_unknown_kind():
    with pytest.raises(KeyError):
        worn(CALLS, "torn")
