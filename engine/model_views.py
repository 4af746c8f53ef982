"""How `cueline models` shows itself: rows for JSON, a table and a progress bar for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Column, Table

from engine import model_fetch
from engine.model_store import ModelStore


def rows(store: ModelStore) -> list[dict[str, Any]]:
    """One JSON object per model of the manifest; unknown is null, and so is the path of what is not here."""
    return [
        entry.model_dump() | {"path": str(store.path(entry.name)) if store.present(entry) else None}
        for entry in store.manifest.entries
    ]


def table(store: ModelStore) -> Table:
    """The same for people."""
    shown = Table(
        Column("model", no_wrap=True, min_width=34),
        "language",
        "Hz",
        "size",
        Column("licence", overflow="fold"),
        "checksum",
        "here",
    )
    for row in rows(store):
        size = f"{row['size_bytes'] / 1e6:.0f} MB" if row["size_bytes"] else "?"
        pinned = "pinned" if row["sha256"] else "first pull"
        cells = (row["name"], row["language"], str(row["rate"]), size, row["licence"] or "?", pinned)
        shown.add_row(*map(escape, (*cells, "yes" if row["path"] else "–")))
    return shown


@contextmanager
def progress_bar(name: str, console: Console) -> Iterator[model_fetch.Progress]:
    """A bar on the console for the time of a pull; yields what `ModelStore.pull` wants."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=None)
        yield lambda here, total: progress.update(task, completed=here, total=total)
