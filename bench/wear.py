"""Recordings made worse, so that settings differ in what they hear: the committed calls as they are tell nothing. Pure.

Each kind is deterministic. Noise is set against the loudest 40 % of the samples, that is the talk; babble is five of the
other calls at once.
"""

from collections.abc import Callable, Sequence

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio.format import SAMPLE_RATE
from engine.simulator.options import Said

Wave = NDArray[np.float32]
TALK_PERCENTILE = 60
BABBLERS = 5


def _noisy(wave: Wave, noise: Wave, snr_db: float) -> Wave:
    talk = wave[np.abs(wave) > np.percentile(np.abs(wave), TALK_PERCENTILE)]
    gain = np.sqrt(np.mean(talk**2) / np.mean(noise**2) / 10 ** (snr_db / 10))
    mixed: Wave = wave + noise * gain
    return mixed


def _white(snr_db: float) -> Callable[[int, Sequence[Wave]], Wave]:
    def worn(number: int, waves: Sequence[Wave]) -> Wave:
        noise = np.random.default_rng(number).standard_normal(len(waves[number]))
        return _noisy(waves[number], noise.astype(np.float32), snr_db)

    return worn


def _babble(snr_db: float) -> Callable[[int, Sequence[Wave]], Wave]:
    def worn(number: int, waves: Sequence[Wave]) -> Wave:
        draw, wave = np.random.default_rng(number), waves[number]
        others = [waves[(number + 1 + 3 * each) % len(waves)] for each in range(BABBLERS)]
        shifted = [np.resize(np.roll(other, int(draw.integers(len(other)))), len(wave)) for other in others]
        return _noisy(wave, np.sum(shifted, axis=0), snr_db)

    return worn


def _quiet(number: int, waves: Sequence[Wave]) -> Wave:
    return 0.1 * _white(25)(number, waves)


# Kind → (how fast it is played, what is done to it).
WEAR: dict[str, tuple[float, Callable[[int, Sequence[Wave]], Wave]]] = {
    "white20": (1.0, _white(20)),
    "white10": (1.0, _white(10)),
    "babble12": (1.0, _babble(12)),
    "babble8": (1.0, _babble(8)),
    "quiet": (1.0, _quiet),
    "fast": (1.2, lambda number, waves: waves[number]),
    "slow": (0.8, lambda number, waves: waves[number]),
}


def worn(calls: Sequence[tuple[bytes, tuple[Said, ...]]], kind: str) -> list[tuple[bytes, tuple[Said, ...]]]:
    """All calls in one kind of wear: samples, and what is said when in them now. KeyError where there is no such kind."""
    speed, wear = WEAR[kind]
    waves = [np.frombuffer(samples, "<i2").astype(np.float32) for samples, _ in calls]
    found = []
    for number, (_, said) in enumerate(calls):
        wave = wear(number, waves)
        if speed != 1:
            wave = soxr.resample(wave, SAMPLE_RATE * speed, SAMPLE_RATE)
        moved = tuple(
            each.model_copy(update={"start_ms": int(each.start_ms / speed), "end_ms": int(each.end_ms / speed)})
            for each in said
        )
        found.append((np.clip(wave, -32768, 32767).astype("<i2").tobytes(), moved))
    return found
