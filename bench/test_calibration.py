"""A fixed piece of plain Python: how fast this machine is now. Other figures are read as multiples of it."""

from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure

LOOPS = 1000


def spin() -> int:
    """Arithmetic, a dictionary and bytes: what the hot functions are made of."""
    seen: dict[int, bytes] = {}
    data = bytes(64)
    for number in range(LOOPS):
        seen[number % 16] = data[number % 32 :]
    return sum(map(len, seen.values()))


def test_calibration(benchmark: BenchmarkFixture) -> None:
    """One loop of `spin`."""
    assert measure(benchmark, spin, operations=LOOPS, rounds=1000) == sum(
        64 - number % 32 for number in range(984, 1000)
    )
