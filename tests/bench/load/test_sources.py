import io

from rich.console import Console

from bench.load.point import Point, Ranks
from bench.load.sources import table


def point(intake: float, decode: float) -> Point:
    """Ten calls that cost so many cores."""
    cpu = {"intake": intake, "decode": decode}
    return Point(10, 8.0, 5, 5, 0, 100, 0, Ranks(), Ranks(), cpu=cpu)


def test_medians_and_their_ratios_to_the_first_source():
    realtime = [point(0.02, 0.10), point(0.90, 0.90), point(0.02, 0.10)]
    audiohook = [point(0.01, 0.08)] * 3
    told = io.StringIO()
    Console(file=told, width=120).print(table(10, {"realtime": realtime, "audiohook": audiohook}))
    rows = [
        line.replace("│", " ").split()
        for line in told.getvalue().splitlines()
        if line.startswith(("│ realtime", "│ audiohook"))
    ]
    assert rows == [
        ["realtime", "2.00", "10.00", "12.00", "1.00", "1.00"],
        ["audiohook", "1.00", "8.00", "9.00", "0.50", "0.75"],
    ]
