"""The search with stand-ins that obey `Subject`, and one real measurement with everything started."""

import asyncio
import io
import os

import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.load.capacity import Capacity, find_capacity, measure_all
from bench.load.plot import draw
from bench.load.point import Point, Ranks
from bench.load.product import Product, ProductOptions, worker_pids
from bench.load.search import Search
from bench.load.views import document, points_table, verdict
from engine.cli import app
from engine.demo.scene import Machine
from engine.errors import DemoError
from engine.simulator.options import SPEECH_DIR

MACHINE = Machine(2, "a processor")


class StandIn:
    """Holds so many calls; one load can't be started."""

    name = "stand-in"

    def __init__(self, holds: int, fails_at: int = 0) -> None:
        self.holds, self.fails_at = holds, fails_at

    async def measure(self, calls: int, seconds: float) -> Point:
        if calls == self.fails_at:
            raise DemoError("the engine ended\nits last words")
        spot = Ranks(100.0, 400.0 if calls <= self.holds else 900.0, 950.0)
        cpu = {"intake": 0.001 * calls, "ipc": 0.0, "vad": 0.001 * calls, "decode": 0.008 * calls, "rest": 0.0}
        memory = {"engine": 200.0, "supervisor": 50.0, "workers": 120.0, "worker private": 30.0}
        return Point(
            calls, seconds, 10, 10, 0, 100, 0, Ranks(1.0, 2.0, 3.0), spot, cpu, 0.001 * calls, memory, 0.5, 4.0
        )


class Silent:
    def begun(self, step: str) -> None: ...
    def done(self, step: str) -> None: ...


async def searched(subject: StandIn) -> Capacity:
    found = Capacity(subject.name)
    await find_capacity(subject, Search(20, 200), 1.0, 60.0, found, lambda _point: None)
    return found


async def test_it_keeps_every_point_and_knows_both_sides_of_the_limit():
    found = await searched(StandIn(50))
    assert found.settled
    assert 48 <= found.held.calls <= 50
    assert found.broke.calls <= 53
    assert document(found, MACHINE)["calls_per_processor"] == found.held.calls / 2


async def test_a_load_that_can_not_be_played_counts_as_broken():
    found = Capacity("stand-in")
    await measure_all(StandIn(50, fails_at=30), (20, 30), 1.0, found, lambda _point: None)
    assert [point.broken for point in found.points] == [(), ("the engine ended",)]


async def test_time_over():
    found = Capacity("stand-in")
    await find_capacity(StandIn(50), Search(20, 200), 1.0, 0.0, found, lambda _point: None)
    assert (found.points, found.settled) == ([], False)
    assert verdict(found, MACHINE) == ["No load tried was held. The search was cut short."]


async def test_what_is_said_of_it(tmp_path):
    found = await searched(StandIn(50))
    text = " ".join(verdict(found, MACHINE))
    assert f"{found.held.calls} calls held at once on 2 processors (a processor)" in text
    assert "A call takes 10.0 ms of CPU per second: intake 10%, ipc 0%, vad 10%, decode 80%, rest 0%." in text
    assert "one process would be full at about 900 calls" in text
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(points_table("t", found.points))
    assert console.export_text().count(" yes ") == sum(not point.broken for point in found.points)
    draw(found, MACHINE, tmp_path / "capacity.png")
    assert (tmp_path / "capacity.png").read_bytes().startswith(b"\x89PNG")


def engine_processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if "engine" in " ".join(child.cmdline())]


async def test_the_product_is_measured_and_nothing_is_left():
    pids = []

    class Watching(Silent):
        def begun(self, step: str) -> None:
            if step.startswith("2 calls for"):
                (engine,) = (each for each in engine_processes() if each.cmdline()[-1] == "run")
                pids.extend(worker_pids(engine.pid))

    product = Product(ProductOptions(SPEECH_DIR, shards=1), os.environ, Watching(), asyncio.Event())
    point = await product.measure(2, 6.0)
    assert point.failure is None
    assert point.dropped == 0
    assert point.frames == pytest.approx(600, rel=0.2)
    assert set(point.cpu) == {"intake", "ipc", "vad", "decode", "rest"}
    assert point.cpu["decode"] > point.cpu["vad"] > 0
    assert point.memory_mb["engine"] > point.memory_mb["workers"] > point.memory_mb["worker private"] > 0
    assert len(pids) == 1
    assert engine_processes() == []


async def test_cancelled_it_leaves_nothing():
    reached = asyncio.Event()

    class Watching(Silent):
        def begun(self, step: str) -> None:
            if step.startswith("2 calls for"):
                reached.set()

    product = Product(ProductOptions(SPEECH_DIR), os.environ, Watching(), asyncio.Event())
    task = asyncio.create_task(product.measure(2, 60.0))
    await asyncio.wait_for(reached.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine_processes() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--calls", "0"], "'0' is not a list of numbers"),
        (["--calls", "5,x"], "'5,x' is not a list of numbers"),
        (["--plot", "/nowhere/x.png"], "/nowhere is no folder"),
        (["--speech", "/tmp"], "holds no manifest.json"),
        (["--profile", "fast"], "--profile"),
    ],
)
def test_wrong_input_is_named(arguments, words):
    result = CliRunner().invoke(app, ["bench", "capacity", *arguments], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize(("name", "value"), [("CUELINE_PROFILE", "fast"), ("CUELINE_SHARDS", "0")])
def test_the_environment_counts_as_for_the_engine(name, value):
    result = CliRunner().invoke(app, ["bench", "capacity"], env={"COLUMNS": "300", name: value})
    assert result.exit_code == 2
    assert name in result.output
