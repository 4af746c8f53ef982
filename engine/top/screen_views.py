"""The picture as a whole: which parts, how many lines each, for a terminal of any size. A function of a board and a size.

From WIDE cells on (more where heard words are shown), calls and phrases stand side by side; below, the one above the other. It never has more lines than the
terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.text import Text

from engine.top import head_views as head
from engine.top.board import Board
from engine.top.list_views import Order, calls, phrases
from engine.top.words_views import BAD, GREY, WARN, duration, line

WIDE, WIDE_WITH_TEXT = 150, 200
SHARDS_LOW, SHARDS_HIGH = 2, 8
TALL = 35


@dataclass(frozen=True, slots=True)
class Look:
    """How somebody looks at it."""

    url: str
    width: int
    height: int
    now_s: float  # of the engine's clock
    order: Order = "newest"
    down: str = ""  # why there is no connection now
    paused: int | None = None  # phrases since the picture was stopped
    keys: bool = True


def picture(board: Board, look: Look) -> Text:
    """The whole screen."""
    if not board.ready:
        return _joined([line((" Cueline", "bold cyan")), Text(), *_waiting(look)], look)
    lines = [
        head.title(board, look.url, look.now_s),
        head.hearing(board),
        head.spotting(board),
        head.acting(board.engine),
        head.curves(board, look.width),
        *head.shards(board, SHARDS_HIGH if look.height >= TALL else SHARDS_LOW, look.width),
        Text(),
    ]
    lines += _lists(board, look, look.height - len(lines) - 1)
    lines = lines[: look.height - 1]
    lines += [Text()] * (look.height - 1 - len(lines))
    return _joined([*lines, footer(board, look)], look)


def _waiting(look: Look) -> list[Text]:
    if look.down:
        return [line((f" {look.down}", WARN)), line((" It is tried again and again. q ends.", GREY))]
    return [line((f" connecting to {look.url} …", GREY))]


def _lists(board: Board, look: Look, room: int) -> list[Text]:
    room = max(5, room)  # what is too much is cut off
    if look.width >= (WIDE_WITH_TEXT if board.shows_text else WIDE):
        left = (look.width - 2) * 45 // 100
        right = look.width - 2 - left
        both = zip_longest(
            calls(board, look.order, look.now_s, left, room - 1), phrases(board, right, room - 1), fillvalue=Text()
        )
        return [_beside(one, left, other) for one, other in both]
    for_calls, for_phrases = _shares(len(board.calls), len(board.phrases), room - 3)
    return [
        *calls(board, look.order, look.now_s, look.width, for_calls),
        Text(),
        *phrases(board, look.width, for_phrases),
    ]


def _shares(first: int, second: int, room: int) -> tuple[int, int]:
    """Half each; what one does not need the other gets. At least one line for each, to say that there is nothing."""
    first, second, room = max(1, first), max(1, second), max(2, room)
    half = room // 2
    if first <= half:
        return first, room - first
    return max(room - half, room - second) if second <= half else room - half, min(second, half)


def _beside(left: Text, width: int, right: Text) -> Text:
    one = left.copy()
    one.truncate(width, overflow="ellipsis", pad=True)
    return one.append("  ").append_text(right)


def footer(board: Board, look: Look) -> Text:
    """What is not as usual, and the keys."""
    if look.down:
        old = duration(max(0.0, look.now_s - board.at))
        return line((f" {old} old: {look.down}", BAD))
    text = line()
    if look.paused is not None:
        text.append(f" paused, {look.paused:,} phrases since ", "reverse")
    if look.keys:
        text.append(f" q ends   p {'goes on' if look.paused is not None else 'pauses'}   s order: {look.order}", GREY)
    return text.append(f"   words heard: {'shown' if board.shows_text else 'not shown'}", GREY)


def _joined(lines: Sequence[Text], look: Look) -> Text:
    whole = Text(no_wrap=True, overflow="ellipsis")
    for index, each in enumerate(lines[: look.height]):
        cut = each.copy()
        cut.truncate(look.width, overflow="ellipsis")
        cut.rstrip()
        whole.append("\n" if index else "").append_text(cut)
    return whole
