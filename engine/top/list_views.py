"""The picture's lower part: calls and phrases, a line each, in columns that fit the width."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from rich.text import Text

from engine.top.board import Board
from engine.top.head_views import OBJECTIVE_MS
from engine.top.shapes import Call, Phrase
from engine.top.words_views import BAD, GOOD, GREY, NOTHING, WARN, above, duration, line, moment, number, plain, short

Order = Literal["newest", "longest", "latest heard", "most phrases"]
ORDERS: dict[Order, Callable[[Call], tuple[float, ...]]] = {
    "newest": lambda call: (-call.begun,),
    "longest": lambda call: (call.begun,),
    "latest heard": lambda call: (-call.late_ms, -call.begun),
    "most phrases": lambda call: (-call.phrases, -call.begun),
}
SPEAKING, SILENT, ABSENT = "●", "·", " "
LATE_SHOWN_MS, LATE_MS, LATE_BAD_MS = 100, 250, 1000
PHRASE_CELLS, TEXT_LEAST = 20, 12
TROUBLE = {"failed": "✗", "refused": "✗", "unknown": "?"}
SIDES = {"external": "customer", "internal": "agent"}


def heading(words: str, width: int) -> Text:
    """Names of columns."""
    return line((f"{words:{width}}"[:width], "reverse dim"))


def calls(board: Board, order: Order, now_s: float, width: int, rows: int) -> Iterator[Text]:
    """A heading and at most `rows` lines; calls that lack audio always come first."""
    found = sorted(board.calls.values(), key=lambda call: (not call.without_audio, *ORDERS[order](call)))
    shown, more = _room(len(found), rows)
    yield heading(f" call      from       {'lasts':>8}  cust agent {'late':>8}  phrases  state", width)
    yield from (_call(call, now_s) for call in found[:shown])
    if more:
        yield line((f" … and {more:,} more", GREY))
    elif not found:
        yield line((" no calls", GREY))


def _room(count: int, rows: int) -> tuple[int, int]:
    """How many lines there are for rows, and how many of them stay unseen: said in a line of its own."""
    return (count, 0) if count <= rows else (max(0, rows - 1), count - max(0, rows - 1))


def _call(call: Call, now_s: float) -> Text:
    late = number(call.late_ms, "ms") if call.late_ms >= LATE_SHOWN_MS else NOTHING
    text = line(f" {short(call.conversation_id or call.key):8}  ", (f"{plain(call.source)[:9]:9}", GREY))
    text.append(f"  {duration(now_s - call.begun) if call.begun else NOTHING:>8}  ")
    for channel, cells in (("external", 6), ("internal", 4)):
        text.append(*_activity(call, channel, cells))
    text.append(f"{late:>9}", above(call.late_ms, LATE_MS, LATE_BAD_MS, GREY))
    text.append(f"  {call.phrases:>7,}  ", GOOD if call.phrases else GREY)
    return text.append(*_state(call))


def _activity(call: Call, channel: str, cells: int) -> tuple[str, str]:
    found = next((each for each in call.channels if each.channel == channel), None)
    if found is None:
        return ABSENT.center(cells), GREY
    return (SPEAKING.center(cells), GOOD) if found.speaking else (SILENT.center(cells), GREY)


def _state(call: Call) -> tuple[str, str]:
    if call.without_audio:
        return "no audio", BAD
    again = f", {call.reconnects} reconnects" if call.reconnects else ""
    gap = f", {number(call.gap_ms / 1000, 's', 1)} missing" if call.gap_ms else ""
    style = GREY if call.state == "listening" and not gap else WARN
    return plain(call.state) + again + gap, style


def phrases(board: Board, width: int, rows: int) -> Iterator[Text]:
    """A heading and at most `rows` lines, the newest first."""
    newest = list(board.phrases.values())[::-1][:rows]
    text_cells = width - _PHRASE_WIDTH - 1
    text = "  text" if board.shows_text and text_cells >= TEXT_LEAST else ""
    yield heading(
        f" at        phrase{' ' * (PHRASE_CELLS - 6)}  call      side      conf   after     command{text}", width
    )
    yield from (_phrase(each, board, text_cells if text else 0) for each in newest)
    if not newest:
        yield line((" none yet", GREY))


_PHRASE_WIDTH = 1 + 8 + 2 + PHRASE_CELLS + 2 + 8 + 2 + 8 + 2 + 4 + 2 + 8 + 2 + 9


def _phrase(phrase: Phrase, board: Board, text_cells: int) -> Text:
    confidence = NOTHING if phrase.confidence is None else f"{phrase.confidence:.2f}"
    text = line((f" {moment(phrase.at)}", GREY), (f"  {_cut(phrase.phrase, PHRASE_CELLS)}", "bold"))
    text.append(f"  {short(phrase.conversation_id):8}").append(f"  {SIDES.get(phrase.channel, phrase.channel):8}", GREY)
    text.append(f"  {confidence:>4}", GREY)
    text.append(
        f"  {number(phrase.latency_ms, 'ms'):>8}", above(phrase.latency_ms, OBJECTIVE_MS, 2 * OBJECTIVE_MS, GOOD)
    )
    words, style = _became(phrase, board.sinks.get(phrase.rule, 0))
    text.append("  ").append(f"{words:9}" if text_cells else words, style)
    return text.append(f" {_end(phrase.text or '', text_cells)}", GREY) if text_cells else text


def _end(text: str, cells: int) -> str:
    """What was heard last, for there the phrase stands."""
    harmless = plain(text)
    return harmless if len(harmless) <= cells else "…" + harmless[1 - cells :]


def _cut(text: str, cells: int) -> str:
    harmless = plain(text)
    return f"{harmless:{cells}}" if len(harmless) <= cells else harmless[: cells - 1] + "…"


def _became(phrase: Phrase, sinks: int) -> tuple[str, str]:
    """What became of its command, over all its sinks: the worst first."""
    outcomes: Sequence[str] = [each.outcome for each in phrase.deliveries]
    for outcome, sign in TROUBLE.items():
        if outcome in outcomes:
            return f"{sign} {outcome}", WARN if outcome == "unknown" else BAD
    done = sum(outcomes.count(each) for each in ("delivered", "elsewhere"))
    if done and done >= sinks:
        return "✓ done", GOOD
    return (f"… {done} of {sinks}" if done else "… waits", GREY) if sinks else ("no sink", GREY)
