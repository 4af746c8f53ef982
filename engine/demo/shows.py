"""Three ways to watch the demo: on a terminal, as occasional plain lines, as JSON lines."""

import sys
from typing import Protocol

import orjson
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from engine.demo import conduct
from engine.demo.report import heard_row, report_of
from engine.demo.scene import Result, Scene
from engine.demo.summary import summary
from engine.demo.timeline import sums, timeline

REFRESHES_PER_S = 8
PLAIN_WIDTH = 140
PLAIN_EVERY_NS = 5_000_000_000
INTRODUCTION = "simulated phone calls, heard on this machine alone. Ctrl-C ends it."


class Show(conduct.Show, Protocol):
    """Told what happens; closed before the result is shown, and in any case."""

    def close(self) -> None:
        """No more scenes."""
        ...

    def result(self, result: Result) -> None:
        """What came of it."""
        ...


def show_for(*, as_json: bool) -> Show:
    """The one that fits what stdout is."""
    if as_json:
        return JsonShow()
    console = Console(highlight=False)
    if console.is_terminal:
        return TerminalShow(console)
    return PlainShow(Console(highlight=False, width=max(console.width, PLAIN_WIDTH)))


class TerminalShow:
    """Steps with a spinner, then the calls in motion, then the summary below their last picture."""

    def __init__(self, console: Console, introduction: str = INTRODUCTION) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=REFRESHES_PER_S)
        console.print(Text.assemble(("\nCueline  ", "bold cyan"), (introduction, "bright_black"), "\n"))
        self._live.start()

    def begun(self, step: str) -> None:
        """Turn a spinner beside it."""
        self._live.update(Spinner("dots", Text(f"{step} …")))

    def done(self, step: str) -> None:
        """Leave a line above."""
        self._live.update(Text())
        self._console.print(Text.assemble(("✓ ", "green"), step))

    def scene(self, scene: Scene) -> None:
        """The calls in motion."""
        self._live.update(timeline(scene, self._console.width, self._console.height))

    def close(self) -> None:
        """Leave the last picture, or nothing of a spinner, and give the cursor back."""
        if isinstance(self._live.renderable, Spinner):
            self._live.update(Text())
        self._live.stop()

    def result(self, result: Result) -> None:
        """The summary."""
        self._console.print(summary(result, self._console.width))


class PlainShow:
    """For pipes and logs: a line for each step and every PLAIN_EVERY_NS."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_ns: int | None = None

    def begun(self, step: str) -> None:
        """A line."""
        self._console.print(Text(f"{step} …"))

    def done(self, step: str) -> None:
        """A line."""
        self._console.print(Text(step))

    def scene(self, scene: Scene) -> None:
        """The sums, now and then."""
        if self._shown_ns is None or scene.now_ns - self._shown_ns >= PLAIN_EVERY_NS:
            self._shown_ns = scene.now_ns
            self._console.print(sums(scene))

    def close(self) -> None:
        """Nothing to give back."""

    def result(self, result: Result) -> None:
        """The summary."""
        self._console.print(summary(result, self._console.width))


class JsonShow:
    """One object a line: `step`, `heard` as it happens, `summary` at the end."""

    def __init__(self) -> None:
        self._told: set[str] = set()  # deliveries

    def begun(self, step: str) -> None:
        """Only what is done is told."""

    def done(self, step: str) -> None:
        """A step."""
        _print_json({"event": "step", "text": step})

    def scene(self, scene: Scene) -> None:
        """What was heard since the last one."""
        for heard in scene.score.heard:
            if heard.delivery.id not in self._told:
                self._told.add(heard.delivery.id)
                _print_json({"event": "heard", **heard_row(heard)})

    def close(self) -> None:
        """Nothing to give back."""

    def result(self, result: Result) -> None:
        """The whole report."""
        _print_json({"event": "summary", **report_of(result)})


def _print_json(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.flush()
