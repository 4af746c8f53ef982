"""Two ways to tell how `cueline watch` goes: a line that changes on a terminal, and plain lines now and then."""

import time
from typing import Protocol

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from engine.demo.scene import counted
from engine.demo.shows import PLAIN_WIDTH, PlainShow, TerminalShow
from engine.demo.timeline import clock
from engine.demo.watching import PORT, Traffic, WatchOptions, WatchShow

INTRODUCTION = "simulated phone calls that come and go, heard on this machine alone."
PLAIN_EVERY_S = 30.0


class Closing(WatchShow, Protocol):
    """Told what happens; closed in any case."""

    def close(self) -> None:
        """No more."""
        ...


def watch_show() -> Closing:
    """The one that fits what stdout is."""
    console = Console(highlight=False)
    if console.is_terminal:
        return TerminalWatch(console)
    return PlainWatch(Console(highlight=False, width=max(console.width, PLAIN_WIDTH)))


class TerminalWatch(TerminalShow):
    """Steps with a spinner, then the address, and below it what has happened by now."""

    def __init__(self, console: Console) -> None:
        super().__init__(console, INTRODUCTION)

    def up(self, console: str, options: WatchOptions) -> None:
        """The address, so that it can't be missed."""
        self._console.print(addresses(console, options))

    def traffic(self, traffic: Traffic) -> None:
        """One line, in place."""
        self._live.update(sentence(traffic))


class PlainWatch(PlainShow):
    """For pipes and logs."""

    _told_s: float | None = None

    def up(self, console: str, options: WatchOptions) -> None:
        """The address."""
        self._console.print(addresses(console, options))

    def traffic(self, traffic: Traffic) -> None:
        """A line, now and then."""
        if self._told_s is None or traffic.seconds - self._told_s >= PLAIN_EVERY_S:
            self._told_s = traffic.seconds
            self._console.print(sentence(traffic))


def addresses(console: str, options: WatchOptions) -> Group:
    """Where to look. The address stands alone and unbroken, to be clicked or copied."""
    base = console.rstrip("/")
    usual = base.endswith(f":{PORT}")
    table = Table.grid(padding=(0, 3))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text("  Open"), Text(console, "bold cyan underline"))
    table.add_row(Text("  or type"), Text("cueline top" if usual else f"cueline top --url {base}", "cyan"))
    table.add_row(Text("  figures"), Text(f"{base}/metrics", "cyan"))
    how = "customer and agent apart, " if options.source == "audiohook" else ""
    said = f"  {counted(options.calls, 'simulated call')} at a time, {how}on and on. Ctrl-C ends it and leaves nothing."
    taken = [] if usual or options.port is not None else [Text(f"  (Port {PORT} is taken.)", "bright_black")]
    return Group(Text(), table, Text(), Text(said), *taken, Text())


def sentence(traffic: Traffic) -> Text:
    """What has happened by now."""
    line = Text("  ").append(clock(round(traffic.seconds * 1000)), "bright_black")
    line.append(f"   {counted(traffic.live, 'call')} live").append(f", {traffic.placed} so far", "bright_black")
    line.append(f"   {counted(traffic.arrived, 'webhook')} arrived", "green" if traffic.arrived else "bright_black")
    if traffic.wrong:
        line.append(f", {traffic.wrong} not signed as agreed", "bold red")
    if latest := traffic.latest:
        ago_s = max(0, (time.monotonic_ns() - latest.received_ns) // 1_000_000_000)
        line.append(f"   {ago_s} s ago: ", "bright_black").append(latest.phrase)
    if traffic.refused:
        line.append("   the engine takes no more calls for now", "yellow")
    return line
