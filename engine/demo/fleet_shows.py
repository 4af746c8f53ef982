"""Three ways to watch the fleet's play: on a terminal, as occasional plain lines, as JSON lines."""

import sys
import time
from typing import Any, Protocol

import orjson
from rich.console import Console
from rich.text import Text

from engine.demo.fleet_pictures import picture, plain, summary
from engine.demo.fleet_play import FleetShow
from engine.demo.fleet_scene import Act, FleetResult, FleetScene
from engine.demo.shows import PLAIN_WIDTH, PlainShow, TerminalShow

INTRODUCTION = "a fleet on one machine: a real Redis, nodes that come and go, simulated calls. Ctrl-C ends it."
PLAIN_EVERY_S = 5.0


class ClosingShow(FleetShow, Protocol):
    """Told what happens; closed before the result is shown, and in any case."""

    def close(self) -> None:
        """No more scenes."""
        ...

    def result(self, result: FleetResult) -> None:
        """What came of it."""
        ...


def fleet_show(*, as_json: bool) -> ClosingShow:
    """The one that fits what stdout is."""
    if as_json:
        return JsonFleet()
    console = Console(highlight=False)
    if console.is_terminal:
        return TerminalFleet(console)
    return PlainFleet(Console(highlight=False, width=max(console.width, PLAIN_WIDTH)))


def _heading(act: Act) -> Text:
    return Text.assemble("\n", (f"{act.number}  {act.title}", "bold cyan"), "\n   ", (act.shows, "bright_black"))


class _Clocked:
    """Seconds since the first time it was asked."""

    def __init__(self) -> None:
        self._begun_s: float | None = None

    def stamp(self) -> str:
        """`12.3 s`, right-aligned."""
        now_s = time.monotonic()
        self._begun_s = now_s if self._begun_s is None else self._begun_s
        return f"{now_s - self._begun_s:6.1f} s"


class TerminalFleet(TerminalShow):
    """What happens is told above; below it the nodes with their calls, in place."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, INTRODUCTION)
        self._clock = _Clocked()

    def act(self, act: Act) -> None:
        """A heading."""
        self._clock.stamp()
        self._console.print(_heading(act))

    def told(self, sentence: str) -> None:
        """A line with its moment."""
        self._console.print(Text.assemble((f"   {self._clock.stamp()}  ", "bright_black"), sentence))

    def scene(self, scene: FleetScene) -> None:  # type: ignore[override]
        """The nodes with their calls."""
        self._live.update(picture(scene))

    def result(self, result: FleetResult) -> None:  # type: ignore[override]
        """The summary."""
        self._console.print(summary(result))


class PlainFleet(PlainShow):
    """For pipes and logs."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._clock = _Clocked()
        self._told_s: float | None = None

    def act(self, act: Act) -> None:
        """A heading."""
        self._clock.stamp()
        self._console.print(_heading(act))

    def told(self, sentence: str) -> None:
        """A line with its moment."""
        self._console.print(Text(f"   {self._clock.stamp()}  {sentence}"))

    def scene(self, scene: FleetScene) -> None:  # type: ignore[override]
        """A line, now and then."""
        now_s = time.monotonic()
        if self._told_s is None or now_s - self._told_s >= PLAIN_EVERY_S:
            self._told_s = now_s
            self._console.print(Text(f"   {self._clock.stamp()}  ").append(plain(scene)), soft_wrap=True)

    def result(self, result: FleetResult) -> None:  # type: ignore[override]
        """The summary."""
        self._console.print(summary(result))


class JsonFleet:
    """One object a line: `step`, `act`, `told`, and `summary` at the end."""

    def begun(self, step: str) -> None:
        """Only what is done is told."""

    def done(self, step: str) -> None:
        """A step."""
        _print_json(event="step", text=step)

    def act(self, act: Act) -> None:
        """A step of the play."""
        _print_json(event="act", number=act.number, title=act.title, shows=act.shows)

    def told(self, sentence: str) -> None:
        """Something has come about."""
        _print_json(event="told", text=sentence)

    def scene(self, scene: FleetScene) -> None:
        """Too much for a log."""

    def close(self) -> None:
        """Nothing to give back."""

    def result(self, result: FleetResult) -> None:
        """The whole account in figures."""
        _print_json(event="summary", **report_of(result))


def report_of(result: FleetResult) -> dict[str, Any]:
    """The result as plain values: phrases by fate, and every move."""
    found = result.scene.account
    return {
        "spoken": found.spoken,
        "delivered": len(found.delivered),
        "in_the_gap": {"inside": len(found.inside), "edge": len(found.edge)},
        "lost": [[each.conversation_id, each.phrase, each.end_ms] for each in found.lost],
        "doubled": [each.id for each in found.doubled],
        "false": [each.id for each in found.false],
        "limit_s": result.limit_s,
        "takeovers_s": [each.again_s for each in result.prompt],
        "waited_for_room_s": [result.waited_s(each) for each in result.waited],
        "handovers": [
            {"from": each.giver, "to": each.taker, "break_ms": each.break_ms, "both_ms": each.both_ms}
            for each in found.handovers
        ],
        "seconds": round(result.seconds, 1),
        "problems": list(result.problems),
    }


def _print_json(**line: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.flush()
