"""The live view: a line for each call with its phrases at their places, and the sums. A function of a scene and a size.

`○` still to be said, `◐` said just now, `●` heard, `✗` missed, `▲` false.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Span, Text

from engine.demo.calls import NS_PER_MS, PlayedCall, lanes, two_sided
from engine.demo.scene import Scene, counted
from engine.demo.scoring import FalseAlarm, Heard
from engine.options import Channel
from engine.percentiles import percentile
from engine.simulator.options import Said

OVERDUE_MS = 3000  # then it is shown as missed
LINES_BESIDE = 7  # what the view needs besides the calls
BAR_MOST, BAR_LEAST = 74, 12
NAME, CHANNEL, CLOCK, PHRASE, DELAY = 12, 10, 5, 20, 9  # widths of the other columns; CHANNEL only where there are two
SPACES = 10
PLAYED, AHEAD = "━", "─"
TO_COME, JUST_SAID, HEARD, MISSED, FALSE = "○", "◐", "●", "✗", "▲"
STYLES = {TO_COME: "bright_black", JUST_SAID: "yellow", HEARD: "bold green", MISSED: "bold red", FALSE: "bold red"}


@dataclass(slots=True)
class Marks:
    """What one channel's line shows."""

    heard: dict[tuple[str, int], Heard] = field(default_factory=dict)  # by phrase and place
    false: list[FalseAlarm] = field(default_factory=list)


def clock(ms: int) -> str:
    """Minutes and seconds."""
    return f"{ms // 60_000}:{ms // 1000 % 60:02}"


def place(ms: int) -> str:
    """Minutes, seconds and tenths: a place in a call."""
    tenths = (ms + 50) // 100
    return f"{tenths // 600:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def delay(ms: float) -> str:
    """A delay to the millisecond."""
    return f"{ms:,.0f} ms".replace("-", "−")


def timeline(scene: Scene, width: int, height: int) -> RenderableType:
    """As many calls as there is room for, a line for each channel, then the sums."""
    told, wanted = two_sided(scene.calls), lanes(scene.calls)
    shown = wanted[: max(3, height - LINES_BESIDE)]
    beside = CLOCK + PHRASE + DELAY + SPACES + max((len(call.name) for call, _ in shown), default=0) + CHANNEL * told
    bar_cells = max(BAR_LEAST, min(BAR_MOST, width - beside))
    longest_ms = max((call.duration_ms for call in scene.calls), default=1)
    marks = _marks(scene)
    table = Table.grid(padding=(0, 2))
    for justify in ("left", *(("left",) if told else ()), "left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    for call, channel in shown:
        mine = marks[call.conversation_id, channel]
        style = "cyan" if call.live(scene.now_ns) else "bright_black"
        table.add_row(
            Text(call.name if channel == "external" else "", style),
            *((Text(channel, style),) if told else ()),
            bar(call, mine, scene.now_ns, bar_cells, longest_ms, channel),
            Text(clock(call.position_ms(scene.now_ns)), "bright_black"),
            *_latest(mine),
        )
    left_out = len(wanted) - len(shown)
    more = [Text(f"… and {left_out} more {'channels' if told else 'calls'}", "bright_black")] if left_out else []
    return Group(Text(), table, *more, Text(), sums(scene), legend())


def _marks(scene: Scene) -> dict[tuple[str, Channel], Marks]:
    marks: dict[tuple[str, Channel], Marks] = defaultdict(Marks)
    for heard in scene.score.heard:
        said = heard.said
        marks[said.conversation_id, said.channel].heard[said.phrase, said.end_ms] = heard
    for alarm in scene.score.false:
        marks[alarm.delivery.conversation_id, alarm.delivery.channel].false.append(alarm)
    return marks


def _latest(marks: Marks) -> tuple[Text, Text]:
    """The phrase heard last there, and how long it took."""
    if not marks.heard:
        return Text(" " * PHRASE), Text(" " * DELAY)
    last = max(marks.heard.values(), key=lambda heard: heard.delivery.received_ns)
    return Text(f"{last.said.phrase:{PHRASE}}", "green"), Text(f"{delay(last.after_ms):>{DELAY}}", "bright_black")


def bar(
    call: PlayedCall, marks: Marks, now_ns: int, cells: int, longest_ms: int, channel: Channel = "external"
) -> Text:
    """One channel's time as a line of at most `cells` characters, on the scale of the longest call."""
    length = max(1, round(cells * call.duration_ms / longest_ms))
    played = length * call.position_ms(now_ns) // call.duration_ms
    line = Text(PLAYED * played + AHEAD * (length - played))
    line.stylize("blue", 0, played)
    line.stylize("bright_black", played)
    signs = {said.end_ms: _sign(call, said, marks, now_ns) for said in call.said if said.channel == channel}
    signs |= {alarm.delivery.phrase_end_ms: FALSE for alarm in marks.false}
    text, spans = list(line.plain), line.spans
    for end_ms, sign in signs.items():
        cell = max(0, min(length - 1, length * end_ms // call.duration_ms))
        text[cell] = sign
        spans.append(Span(cell, cell + 1, STYLES[sign]))
    return Text("".join(text), spans=spans)


def _sign(call: PlayedCall, said: Said, marks: Marks, now_ns: int) -> str:
    if (said.phrase, said.end_ms) in marks.heard:
        return HEARD
    since_ms = call.elapsed_ms(now_ns) - said.end_ms
    if since_ms < 0:
        return TO_COME
    return JUST_SAID if since_ms < OVERDUE_MS else MISSED


def sums(scene: Scene) -> Text:
    """All calls together, in one line."""
    found, reading = scene.score, scene.reading
    live = sum(call.live(scene.now_ns) for call in scene.calls)
    late = sum(scene.now_ns - said.ended_ns >= OVERDUE_MS * NS_PER_MS for said in found.missed)
    median = percentile([heard.after_ms for heard in found.heard], 0.5)
    parts = [
        ("bold", f"{counted(live, 'call')} live"),
        ("", f"{clock(round(reading.audio_s * 1000))} of audio heard"),
        ("green", f"{len(found.heard)} of {found.said} phrases heard"),
        ("bold red" if late else "bright_black", f"{late} missed"),
        ("bold red" if found.false else "bright_black", f"{len(found.false)} false"),
        ("bold red" if reading.dropped else "bright_black", f"{counted(reading.dropped, 'frame')} dropped"),
    ]
    if median is not None:
        parts.append(("", f"median {delay(median)} after the phrase"))
    return Text("   ").join(Text(text, style) for style, text in parts)


def legend() -> Text:
    """What the signs mean."""
    meanings = {TO_COME: "to be said", JUST_SAID: "just said", HEARD: "heard", MISSED: "missed", FALSE: "false"}
    line = Text(style="bright_black")
    for sign, meaning in meanings.items():
        line.append(sign, STYLES[sign]).append(f" {meaning}   ")
    return line
