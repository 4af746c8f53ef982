import io

from rich.console import Console

from bench.baseline.raw import Cost, Limit
from bench.compare import Comparison, report, sentences, table
from bench.load.capacity import Capacity
from bench.load.point import Point, Ranks
from engine.demo.scene import Machine

COST = Cost(audio_s=1000.0, decoded_s=800.0, vad_cpu_s=0.5, decode_cpu_s=8.0, cpu_s=9.0, said=44, heard=44)


def capacity(name: str, calls: int, decode: float, rest: float) -> Capacity:
    cpu = {"intake": rest, "ipc": 0.0, "vad": 0.0, "decode": decode, "rest": 0.0}
    point = Point(calls, 20.0, 10, 10, 0, 100, 0, Ranks(1, 2, 3), Ranks(100, 200, 300), cpu, 0.2, {"engine": 300.0})
    return Capacity(name, [point], settled=True)


def whole() -> Comparison:
    return Comparison(
        limit=Limit(2, COST, COST, COST),
        found={
            "Cueline": capacity("Cueline", 180, 1.5, 0.3),
            "plain server": capacity("plain server", 45, 1.2, 0.3),
            "script per call": Capacity("script per call"),
        },
    )


def test_ratios_are_to_the_server_and_to_what_the_load_generator_leaves():
    """8 ms of decoding per second allow 125 calls on a core; 2 - 0.2 cores are left: 225."""
    found = whole()
    assert found.allowed == 225
    assert sentences(found)[:3] == [
        "Cueline holds 4.0 times the calls of the plain server (aim: 3).",
        "Cueline holds 0.80 of what decoding alone would allow (aim: 0.75).",
        "17% of Cueline's CPU is spent outside voice activity detection and decoding (aim: 20 %).",
    ]


def test_every_row_is_there_also_of_what_held_nothing():
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(whole()))
    text = console.export_text()
    for name, words in {
        "limit: decoding alone": " 5.0 ",  # 225 / 45
        "Cueline": " 1.7 ",  # 300 MB / 180 calls
        "plain server": " 1.0 ",
        "script per call": " none ",
    }.items():
        (row,) = (line for line in text.splitlines() if line.strip().startswith(name))
        assert words in row


def test_what_was_interrupted_is_told_as_far_as_it_came():
    found = Comparison()
    assert found.allowed is None
    assert len(sentences(found)) == 1
    assert table(found).row_count == 0
    assert report(found, Machine(2, "x")) == {"limit": None, "allowed_on_what_is_left": None}
