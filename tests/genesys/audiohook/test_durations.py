import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook.durations import read_ns, samples_of, written


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("PT0S", 0),
        ("PT0.0S", 0),
        ("PT6.3S", 6_300_000_000),
        ("PT.5S", 500_000_000),
        ("PT0.001103104S", 1_103_104),
        ("PT1.0000000019S", 1_000_000_001),
        ("PT9999999S", 9_999_999_000_000_000),
    ],
)
def test_durations_that_are_read(text, ns):
    assert read_ns(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        *("", "PT", "PTS", "PT.S", "PT1.S", "PT1M", "PT-1S", "PT+1S", "PT1E3S", "pt1s", " PT1S", "PT1S\n", "PT1,5S"),
        *("P1D", "PT1M5S", "PT10000000S", f"PT0.{'1' * 41}S", f"PT{'9' * 60_000}S", "PT١S", "PTnanS", "1.5"),
        *(None, 1.5, True, []),
    ],
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="not a duration"):
        read_ns(text)


@pytest.mark.parametrize(
    ("ns", "samples"), [(0, 0), (62_499, 0), (62_500, 1), (125_000, 1), (1_000_000_000, 8000), (12_300_000_000, 98_400)]
)
def test_samples_to_the_nearest(ns, samples):
    assert samples_of(ns) == samples


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "PT0S"), (1000, "PT1S"), (1200, "PT1.2S"), (12_345, "PT12.345S"), (50, "PT0.05S")]
)
def test_durations_that_are_written(ms, text):
    assert written(ms) == text


@given(st.integers(0, 9_999_999_999))
def test_what_is_written_is_read_as_it_was(ms):
    assert read_ns(written(ms)) == ms * 1_000_000
