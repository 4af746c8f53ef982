"""What the fleet's play looks like: the nodes with their calls while it goes on, and the summary at its end.

A call is a number in the colour of the node that followed it first, so a move is seen as a colour in another's row.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from engine.demo.fleet_scene import FleetResult, FleetScene, NodeRow
from engine.demo.scene import counted
from engine.demo.summary import failings
from engine.percentiles import percentile

COLOURS = ("cyan", "magenta", "yellow", "green", "bright_blue")
STANDING = {
    "starting": "bright_black",
    "up": "green",
    "draining": "yellow",
    "dead": "bold red",
    "left": "bright_black",
}
LATE_MS = 500.0  # of the simulator: worth a word
MARKS = {"starting": "…", "up": "●", "draining": "◐", "dead": "✗", "left": "○"}


def colour_of(node: str, nodes: Iterable[NodeRow]) -> str:
    """The node's own; grey for one that is not there."""
    names = [row.name for row in nodes]
    return COLOURS[names.index(node) % len(COLOURS)] if node in names else "bright_black"


def picture(scene: FleetScene) -> RenderableType:
    """A row for each node, one for the calls that nobody hears, and the sums."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bright_black")
    table.add_column("node", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=8)
    table.add_column("calls", no_wrap=True)
    table.add_column("hears", min_width=26)
    for row in scene.nodes:
        table.add_row(
            Text(row.name, colour_of(row.name, scene.nodes)),
            Text(f"{MARKS[row.standing]} {row.standing}", STANDING[row.standing]),
            _bar(row),
            _numbers(row.calls, scene),
        )
    table.add_row("", "", "", "")
    unheard = scene.unheard
    table.add_row(Text("nobody", "bright_black"), "", "", _unheard(unheard) if unheard else Text("–", "bright_black"))
    if scene.waiting:
        table.add_row(
            Text("not begun", "bright_black"), "", "", Text(counted(len(scene.waiting), "call"), "bright_black")
        )
    return Group(Text(), table, sums(scene))


def _bar(row: NodeRow) -> Text:
    if row.standing in ("dead", "left"):
        return Text("–", "bright_black")
    taken = min(len(row.calls), row.limit)
    bar = Text("■" * taken, "green").append("□" * (row.limit - taken), "bright_black")
    return bar.append(f" {len(row.calls)} of {row.limit}", "bright_black")


def _numbers(numbers: Iterable[int], scene: FleetScene) -> Text:
    line, home = Text(), scene.at_home
    for number in numbers:
        line.append(f"{number:02} ", colour_of(home.get(number, ""), scene.nodes))
    return line


def _unheard(unheard: dict[int, float]) -> Text:
    line = Text()
    for number, seconds in unheard.items():
        line.append(f"{number:02}", "bold red").append(f" {seconds:.0f} s  ", "red")
    return line


def sums(scene: FleetScene) -> Text:
    """One line: what was spoken so far and what came of it."""
    found = scene.account
    line = Text(f"{counted(found.spoken, 'phrase')} spoken").append("   ")
    line.append(f"{len(found.delivered)} delivered", "green").append("   ")
    line.append(f"{found.in_the_gap} in the gap", "yellow" if found.in_the_gap else "bright_black").append("   ")
    line.append(f"{len(found.lost)} lost", "bold red" if found.lost else "bright_black").append("   ")
    return line.append(f"{len(found.doubled)} doubled", "bold red" if found.doubled else "bright_black")


def plain(scene: FleetScene) -> Text:
    """The same for pipes and logs, on one line."""
    rows = (f"{row.name} {_ranges(row.calls)}" for row in scene.nodes if row.standing not in ("dead", "left"))
    nobody = f"; nobody hears {_ranges(tuple(scene.unheard))}" if scene.unheard else ""
    return Text("; ".join(rows) + nobody + ".  ").append(sums(scene))


def _ranges(numbers: tuple[int, ...]) -> str:
    """`[1-4 7 9-11]`."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0])
    ]
    shown = (f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
    return f"[{' '.join(shown)}]"


def summary(result: FleetResult) -> RenderableType:
    """The account, the moves, and the verdict."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for figure, name, remark in (*_phrases(result), ("", "", ""), *_moves(result)):
        bad = name in ("lost", "doubled") and figure != "0"
        style = "bold red" if bad else "bold"
        table.add_row(Text(figure, style), Text(name), Text(remark, "bright_black"))
    return Group(Text(), table, Text(), verdict(result), Text())


Row = tuple[str, str, str]


def _phrases(result: FleetResult) -> Iterator[Row]:
    found = result.scene.account
    yield f"{found.spoken}", "phrases spoken", f"in {counted(len(result.scene.calls), 'call')}, {result.seconds:.0f} s"
    yield f"{len(found.delivered)}", "delivered", "each by one signed webhook"
    yield f"{found.in_the_gap}", "in the gap", _edges(result)
    yield f"{len(found.lost)}", "lost", "though their call was followed"
    yield f"{len(found.doubled)}", "doubled", ""
    if found.false:
        yield f"{len(found.false)}", "of nothing said", "false alarms of the recognizer; not the fleet's doing"


def _edges(result: FleetResult) -> str:
    found = result.scene.account
    if not found.in_the_gap:
        return "nothing was said while a call had no node"
    return f"their node was dead: {len(found.inside)} inside of it, {len(found.edge)} at its edge (cut, or just said)"


def _moves(result: FleetResult) -> Iterator[Row]:
    prompt = [each.again_s for each in result.prompt if each.again_s is not None]
    limit = f"limit {result.limit_s:g} s: the lease and 2 s"
    if prompt:
        spread = f"{percentile(prompt, 0.5):.1f} s in the middle, {max(prompt):.1f} s at worst; {limit}"
        yield f"{len(prompt)}", "taken over", spread
    waited = [seconds for each in result.waited if (seconds := result.waited_s(each)) is not None]
    if waited:
        yield (
            f"{len(waited)}",
            "waited for room",
            f"taken {max(waited):.1f} s after a node with room had come, at worst",
        )
    if handovers := result.scene.account.handovers:
        worst = max(each.break_ms for each in handovers)
        both = percentile([each.both_ms / 1000 for each in handovers], 0.5)
        remark = f"longest break {worst:.0f} ms, limit 100; both heard it for {both:.1f} s in the middle"
        yield f"{len(handovers)}", "handed over", remark
    if result.late_ms >= LATE_MS:
        yield "", "", f"The simulator was up to {result.late_ms / 1000:.1f} s late: this machine is busy."


def verdict(result: FleetResult) -> Text:
    """One green sentence, or the red ones."""
    found, problems = result.scene.account, result.problems
    if not problems:
        sum_ = f"{found.spoken} spoken = {len(found.delivered)} delivered + {found.in_the_gap} in the gap. "
        return Text.assemble(("✓ ", "bold green"), (sum_, "bold green"), "Nothing was lost, nothing came twice.")
    return failings(problems, result.complaints)
