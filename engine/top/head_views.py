"""The picture's upper part: is it hearing, how fast, what did it do; ten minutes of it; the shards."""

from collections.abc import Iterator

from rich.text import Text

from engine.top.board import Board
from engine.top.shapes import Engine, Shard
from engine.top.words_views import BAD, GOOD, GREY, NOTHING, STRONG, WARN, above, bar, curve, duration, line, number

OBJECTIVE_MS = 500
FRAME_MS, FRAME_BAD_MS = 100, 250
LAG_MS, LAG_BAD_MS = 50, 200
BUSY, TOO_BUSY = 0.75, 0.9
OUTBOX_S = 30
TOKEN_S = 120
LABEL = 9  # cells
STATUS = {"ready": GOOD, "draining": WARN}
OUTCOMES = {"delivered": GOOD, "failed": BAD, "refused": BAD, "unknown": WARN, "elsewhere": GREY}


def label(word: str) -> tuple[str, str]:
    """What a line is about."""
    return f" {word:{LABEL}}", GREY


def title(board: Board, url: str, now_s: float) -> Text:
    """Which engine, and whether it is well."""
    engine = board.engine
    style = STATUS.get(engine.status, BAD)
    text = line(
        (" Cueline ", "bold cyan"), (f"{board.version}  ", GREY), ("● ", style), (engine.status, f"bold {style}")
    )
    for name, holds in engine.conditions.items():
        if not holds:
            text.append(f"  {name.replace('_', ' ')}: no", BAD)
    up = f"up {duration(now_s - board.started_at)}" if board.started_at else ""
    return text.append(f"   {up}   {url}", GREY)


def hearing(board: Board) -> Text:
    """Is it hearing, and does it keep up."""
    engine = board.engine
    text = line(label("hearing"), (f"{engine.calls:,}", STRONG), " call" if engine.calls == 1 else " calls")
    text.append(f", {engine.speaking:,} speaking", GOOD if engine.speaking else GREY)
    if engine.without_audio:
        text.append(f", {engine.without_audio:,} without audio", BAD)
    p50, p99 = board.latest("frame_p50_ms"), board.latest("frame_p99_ms")
    text.append("   p50 ").append(number(p50), above(p50, FRAME_MS, FRAME_BAD_MS, STRONG))
    text.append(" p99 ").append(number(p99, "ms"), above(p99, FRAME_MS, FRAME_BAD_MS, GOOD)).append(" behind", GREY)
    text.append(f"   {number(board.latest('frames_per_s'))} frames/s", GREY)
    if engine.loop_lag_ms > LAG_MS:
        text.append(f"   loop lag {number(engine.loop_lag_ms, 'ms')}", above(engine.loop_lag_ms, LAG_MS, LAG_BAD_MS))
    if engine.refused_total:
        text.append(f"   {engine.refused_total:,} refused", WARN)
    return text


def spotting(board: Board) -> Text:
    """How fast phrases are spotted."""
    p50, p95 = board.latest("spot_p50_ms"), board.latest("spot_p95_ms")
    text = line(label("spotting"), (f"{board.engine.phrases_total:,}", STRONG))
    text.append(" phrase" if board.engine.phrases_total == 1 else " phrases")
    text.append(f", {number(board.latest('phrases_per_min'))} in the last minute", GREY)
    text.append("   p50 ").append(number(p50), above(p50, OBJECTIVE_MS, OBJECTIVE_MS, STRONG))
    text.append(" p95 ").append(number(p95, "ms"), above(p95, OBJECTIVE_MS, OBJECTIVE_MS, GOOD))
    return text.append(f" of {OBJECTIVE_MS} allowed", GREY)


def acting(engine: Engine) -> Text:
    """What it did."""
    totals = {name: engine.commands_total.get(name, 0) for name in OUTCOMES} | engine.commands_total
    if not totals.get("elsewhere"):  # only fleets have it
        totals.pop("elsewhere", None)
    text = line(label("acting"))
    for name, count in totals.items():
        if name == "elsewhere" and not count:  # only a fleet has those
            continue
        style = OUTCOMES.get(name, "") if count else GREY
        text.append(f"{count:,} {name}", style).append("  ")
    if engine.outbox_pending:
        age_s = engine.outbox_oldest_s or 0
        text.append(f" {engine.outbox_pending:,} waiting, {duration(age_s)} at most", above(age_s, 5, OUTBOX_S))
    if engine.outbox_dead:
        text.append(f"  {engine.outbox_dead:,} given up", BAD)
    if engine.sinks_failing:
        text.append(f"  failing: {', '.join(engine.sinks_failing)}", BAD)
    if engine.token_s is not None and engine.token_s < TOKEN_S:
        text.append(f"  token ends in {duration(engine.token_s)}", WARN)
    return text


def curves(board: Board, width: int) -> Text:
    """Ten minutes of phrases and of their latency, as wide as there is room."""
    cells = max(4, (width - 2 - LABEL - len("phrases/min    spot p95  ")) // 2)
    text = line(label("10 min"), ("phrases/min ", GREY))
    text.append(curve(board.history.get("phrases_per_min", []), cells), "cyan")
    text.append("  spot p95 ", GREY)
    return text.append(curve(board.history.get("spot_p95_ms", []), cells, OBJECTIVE_MS), "magenta")


def shards(board: Board, most: int, width: int) -> Iterator[Text]:
    """A line for each shard; the busiest ones where there is no room for all."""
    found = sorted(board.shards, key=lambda each: (each.up, -each.utilization, each.shard))
    shown = found if len(found) <= most else found[: most - 1]
    cells = 30 if width >= 120 else 8
    yield from (_shard(each, cells) for each in sorted(shown, key=lambda each: each.shard))
    if len(found) > len(shown):
        mean = sum(each.utilization for each in found) / len(found)
        yield line(label(""), (f"… {len(found) - len(shown)} more, {mean:.0%} busy on average", GREY))


def _shard(shard: Shard, cells: int) -> Text:
    text = line(label(f"shard {shard.shard}"))
    if not shard.up:
        return text.append("down", BAD).append(f"   {shard.restarts} restarts", GREY)
    busy = above(shard.utilization, BUSY, TOO_BUSY, GOOD)
    text.append(bar(shard.utilization, cells), busy).append(f" {shard.utilization:4.0%}", busy)
    text.append(f"  {shard.calls:,} ch", "").append(f"  {max(0.0, shard.capacity_left):.0%} left", GREY)
    text.append(f"  queue {shard.queue_frames:,}", WARN if shard.queue_frames > 50 * max(1, shard.calls) else GREY)
    text.append(f"  dropped {shard.dropped:,}", BAD if shard.dropped else GREY)
    text.append(f"  restarts {shard.restarts}", WARN if shard.restarts else GREY)
    return text.append(f"  {NOTHING if shard.memory_mb is None else f'{shard.memory_mb:,.0f} MB'}", GREY)
