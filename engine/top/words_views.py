"""Small pieces of the picture: durations, clocks, bars, curves, and text from outside made harmless."""

import time
from collections.abc import Sequence

from rich.text import Text

GREY, GOOD, WARN, BAD, STRONG = "bright_black", "green", "yellow", "bold red", "bold"
NOTHING = "–"
STEPS = "▁▂▃▄▅▆▇█"
FULL, EMPTY = "█", "░"
ID_CHARS = 8


def plain(text: str) -> str:
    """Without characters that a terminal would act on."""
    return "".join(each if each.isprintable() else "�" for each in text)


def short(conversation_id: str) -> str:
    """The head of an id: enough to tell calls apart."""
    return plain(conversation_id[:ID_CHARS])


def duration(seconds: float) -> str:
    """`0:07`, `12:34`, `3:12:05`, `2 d 03:12`."""
    whole = max(0, int(seconds))
    minutes, left = whole // 60, whole % 60
    if minutes < 60:
        return f"{minutes}:{left:02}"
    if minutes < 24 * 60:
        return f"{minutes // 60}:{minutes % 60:02}:{left:02}"
    return f"{minutes // 1440} d {minutes // 60 % 24:02}:{minutes % 60:02}"


def moment(at: float) -> str:
    """Hours, minutes, seconds of this machine's clock."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """`1,234 ms`; a dash for nothing."""
    if value is None:
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", "−") + (f" {unit}" if unit else "")


def above(value: float | None, warn: float, bad: float, usual: str = "") -> str:
    """The style of a value that had better be small."""
    if value is None:
        return GREY
    return BAD if value > bad else WARN if value > warn else usual


def bar(share: float, cells: int) -> str:
    """A share of 1 as a bar; anything above nothing shows at least one cell."""
    filled = min(cells, max(int(share > 0), round(share * cells)))
    return FULL * filled + EMPTY * (cells - filled)


def curve(values: Sequence[float | None], cells: int, top: float = 0.0) -> str:
    """The values as a curve that ends now, the highest of each group, from 0 to `top` or the highest; gaps are blank."""
    group = max(1, -(-len(values) // cells))
    newest_first = [values[max(0, end - group) : end] for end in range(len(values), 0, -group)]
    tops = [max((each for each in part if each is not None), default=None) for part in reversed(newest_first)]
    highest = max(each for each in (top, *tops) if each is not None) or 1
    line = "".join(" " if each is None else STEPS[int(max(0.0, each) / highest * 7.999)] for each in tops)
    return line.rjust(cells)[-cells:]


def line(*parts: tuple[str, str] | str) -> Text:
    """One line that is cut off at the edge rather than broken."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for part in parts:
        if isinstance(part, str):
            text.append(part)
        else:
            text.append(*part)
    return text
