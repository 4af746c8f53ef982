import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.simulator.audiohook import durations


@pytest.mark.parametrize(
    ("samples", "text"), [(0, "PT0S"), (8000, "PT1S"), (1, "PT0.000125S"), (50_400, "PT6.3S"), (28_800_000, "PT3600S")]
)
def test_samples_are_written_whole(samples, text):
    assert durations.of_samples(samples) == text


@given(st.integers(0, 10**9))
def test_samples_come_back(samples):
    assert durations.to_samples(durations.of_samples(samples)) == samples


def test_a_round_trip():
    assert durations.of_ns(1_103_104) == "PT0.001103104S"


@pytest.mark.parametrize(("text", "seconds"), [("PT0S", 0.0), ("PT.5S", 0.5), ("PT12.25S", 12.25)])
def test_durations_are_read(text, seconds):
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["PT1M", "PT1.S", "1", "", None, 3, "PT-1S", "PT1e3S"])
def test_what_is_none_is_none(text):
    assert durations.seconds(text) is None
    assert durations.to_samples(text) is None
