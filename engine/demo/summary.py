"""The end of the demo for people: what was said and heard, what it took, and the verdict."""

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from engine.demo.calls import two_sided
from engine.demo.figures import RANKS
from engine.demo.report import name_of
from engine.demo.scene import Result, counted
from engine.demo.scoring import Delivery, FalseAlarm, Heard, SaidPhrase
from engine.demo.timeline import clock, delay, place

ROWS_MOST = 60  # with more, only the slowest are listed
SLOWEST = 10
ID_HEAD = 8
TABLE_WIDTH = 110

HEADS: dict[str, JustifyMethod] = {
    "call": "left",
    "channel": "left",
    "phrase": "left",
    "said at": "right",
    "heard after": "right",
    "command delivered": "left",
}

Row = tuple[str | Text, ...]


def summary(result: Result, width: int) -> RenderableType:
    """All of it, to be printed once."""
    table = _phrases(result, min(width, TABLE_WIDTH))
    return Group(Text(), table, _figures(result), Text(), _verdict(result), Text())


def _phrases(result: Result, width: int) -> Table:
    """Where there is little room, only the last column gives way."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=_title(result), title_justify="left", title_style="bold")
    table.width = width
    rows, heads = list(_rows(result)), dict(HEADS)
    if not two_sided(result.scene.calls):
        del heads["channel"]
        rows = [(call, *cells) for call, _, *cells in rows]
    for column, (head, justify) in enumerate(heads.items()):
        widest = max((len(row[column]) for row in rows), default=0)
        ratio, least = (1, None) if column == len(heads) - 1 else (None, max(widest, len(head)))
        table.add_column(head, justify=justify, no_wrap=True, overflow="ellipsis", min_width=least, ratio=ratio)
    named = ""
    for call, *cells in rows:
        table.add_row(Text(str(call) if call != named else "", "cyan"), *cells)
        named = str(call)
    return table


def _title(result: Result) -> str:
    found = result.scene.score
    if found.said + len(found.false) <= ROWS_MOST:
        return "What was said, and when it was heard"
    return f"The {SLOWEST} phrases that took longest, and what went wrong (the others: --report FILE)"


def _rows(result: Result) -> Iterator[Row]:
    """By call and place, as they were said."""
    found = result.scene.score
    heard = list(found.heard)
    if found.said + len(found.false) > ROWS_MOST:
        heard = sorted(heard, key=lambda each: each.after_ms, reverse=True)[:SLOWEST]
    rows: list[tuple[str, int, Row]] = [(each.said.call, each.said.end_ms, _heard(each)) for each in heard]
    rows += [(each.call, each.end_ms, _missed(each)) for each in found.missed]
    for alarm in found.false:
        call = name_of(alarm.delivery.conversation_id, result.scene.calls)
        rows.append((call, alarm.delivery.phrase_end_ms, _false(call, alarm)))
    return (row for _, _, row in sorted(rows, key=lambda each: each[:2]))


def _heard(heard: Heard) -> Row:
    said = heard.said
    after = Text(delay(heard.after_ms), "green")
    return said.call, said.channel, said.phrase, place(said.end_ms), after, _command(heard.delivery)


def _missed(said: SaidPhrase) -> Row:
    return said.call, said.channel, Text(said.phrase, "red"), place(said.end_ms), Text("missed", "bold red"), "–"


def _false(call: str, alarm: FalseAlarm) -> Row:
    delivery = alarm.delivery
    said_at = Text(alarm.reason, "bold red")
    heard_at = Text(f"at {place(delivery.phrase_end_ms)}", "bold red")
    return call, delivery.channel, Text(delivery.phrase, "red"), said_at, heard_at, _command(delivery)


def _command(delivery: Delivery) -> Text:
    """The command's id with the conversation's shortened, and whether it was signed as agreed."""
    conversation, slash, rest = delivery.id.partition("/")
    short = f"{conversation[:ID_HEAD]}…{slash}{rest}" if len(conversation) > ID_HEAD else delivery.id
    sign = Text("✓ signed  ", "green") if delivery.signature_ok else Text("✗ signature wrong  ", "bold red")
    return sign.append(short, "bright_black")


def _figures(result: Result) -> Table:
    scene, table = result.scene, Table.grid(padding=(0, 2))
    heads = [f"p{round(rank * 100)}" for rank in RANKS]
    table.add_row("", *(Text(head, "bright_black", justify="right") for head in heads))
    spot = "end of phrase to webhook, exact"
    frame = "audio in to heard, interpolated"
    table.add_row("spot latency", *_delays(result.spot_latency_ms), Text(spot, "bright_black"))
    table.add_row("frame latency", *_delays(result.frame_latency_ms), Text(frame, "bright_black"))
    audio, reading, machine = clock(result.audio_ms), scene.reading, result.machine
    lines = {
        "calls": f"{result.calls_at_once} at once: {audio} of audio in {result.seconds:.0f} seconds",
        "frames": f"{reading.frames:,} heard, {reading.dropped:,} dropped",
        "machine": f"{counted(machine.cores, 'core')}, {machine.cpu}",
    }
    if sessions := result.sessions:
        opened, pings = sessions.opened_ms, sessions.ping_ms
        lines["sessions"] = f"{sessions.opened} opened{_within(opened.p999)}, {pings.count} pings{_within(pings.p99)}"
    if reading.reconnects:
        lines["reconnects"] = str(reading.reconnects)
    plain = Table.grid(padding=(0, 2))
    for name, text in lines.items():
        plain.add_row(f"{name:13}", text)
    both = Table.grid()
    both.add_row(table)
    both.add_row(plain)
    return both


def _within(most_ms: float | None) -> str:
    return "" if most_ms is None else f" within {delay(most_ms)}"


def _delays(values: list[float | None]) -> list[Text]:
    return [Text("–" if value is None else delay(value), "bold", justify="right") for value in values]


def _verdict(result: Result) -> Text:
    found, problems = result.scene.score, result.problems
    if not problems:
        phrases = counted(found.said, "phrase")
        return Text.assemble(
            ("✓ ", "bold green"),
            (
                f"All {phrases} in {counted(len(result.scene.calls), 'call')} were heard, and nothing else. ",
                "bold green",
            ),
            "Customer and agent were told apart. " if two_sided(result.scene.calls) else "",
            "Each command arrived once and signed; no frame was dropped.",
        )
    return failings(problems, [f"engine: {line}" for line in result.complaints])


def failings(problems: Sequence[str], complaints: Sequence[str]) -> Text:
    """What went wrong, in red, and what processes said of it."""
    lines = Text()
    for sentence in problems:
        lines.append("✗ ", "bold red").append(f"{sentence}\n")
    for line in complaints:
        lines.append(f"  {line}\n", "bright_black")
    lines.rstrip()
    return lines
