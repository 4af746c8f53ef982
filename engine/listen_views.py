"""How `cueline listen` shows itself: a table, lines and a progress bar for people, rows for JSON lines.

The words that were said are shown only where a transcript was asked for; a spotted phrase is the rule's, not the caller's.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import orjson
import typer
from rich import box, progress
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from engine.heard import ChannelHeard, FileHeard, Progress
from engine.options import Channel, RuleOptions
from engine.speech.events import PhraseSpotted, UtteranceEnded

_COLUMNS = ("file", "channel", "phrase", "rule", "said\nuntil", "heard\nat", "confi-\ndence", "fired\non")
_RIGHT = _COLUMNS[4:7]
_FOLDED = ("file", "phrase", "rule")  # where the terminal is narrow


def clock(position_ms: float) -> str:
    """`mm:ss.s`; minutes go on beyond the hour."""
    tenths = round(position_ms / 100)
    return f"{tenths // 600:02}:{tenths // 10 % 60:02}.{tenths % 10}"


def table(files: Iterable[FileHeard]) -> Table:
    """One line per spotted phrase, in the order of the recordings and their time."""
    files = list(files)
    names = [file.path.name for file in files]
    shown = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for name in _COLUMNS:
        justify: JustifyMethod = "right" if name in _RIGHT else "left"
        shown.add_column(name, justify=justify, overflow="fold", no_wrap=name not in _FOLDED)
    for file in files:
        place = file.path.name if names.count(file.path.name) == 1 else str(file.path)
        for channel, event in _spotted(file):
            sure = "–" if event.confidence is None else f"{event.confidence:.2f}"
            times = (clock(event.phrase_end_ms), clock(event.audio_position_ms))
            words = map(escape, (place, channel, event.phrase, event.rule))
            shown.add_row(*words, *times, sure, event.fired_on)
    return shown


def summary(file: FileHeard) -> str:
    """One line about a recording."""
    channels = "; ".join(f"{channel.channel}: {_channel_summary(channel)}" for channel in file.channels)
    return f"{file.path}: {clock(file.duration_s * 1000)}, {channels}; {file.times_real_time:.0f} × real time"


def _channel_summary(channel: ChannelHeard) -> str:
    counts = (_count(len(channel.utterances), "utterance"), _count(len(channel.spotted), "phrase"))
    return f"{channel.voiced_ratio:.0%} voiced, {', '.join(counts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def transcript(file: FileHeard) -> Iterator[str]:
    """One line per utterance in which words were heard."""
    for channel, said in _worded(file):
        yield f"{file.path} {channel} {clock(said.start_ms)}–{clock(said.end_ms)}  {said.text}"


def rows(file: FileHeard, *, with_words: bool) -> Iterator[dict[str, Any]]:
    """JSON objects: one per phrase, with `with_words` one per utterance, and one about the recording."""
    path = str(file.path)
    for channel, event in _spotted(file):
        yield {"event": "phrase", "file": path, "channel": channel, **_fields(event)}
    for channel, said in _worded(file) if with_words else ():
        times = {"start_ms": said.start_ms, "end_ms": said.end_ms}
        yield {"event": "utterance", "file": path, "channel": channel, **times, "text": said.text}
    yield {
        "event": "file",
        "file": path,
        "duration_s": round(file.duration_s, 3),
        "channels": {channel.channel: _channel_row(channel) for channel in file.channels},
        "times_real_time": round(file.times_real_time, 1),
        "rtf": round(file.rtf, 4),
    }


def _fields(event: PhraseSpotted) -> dict[str, Any]:
    """Named as in the webhook's body; without the words around the phrase."""
    names = ("rule", "phrase", "confidence", "fired_on", "utterance_start_ms", "phrase_end_ms", "audio_position_ms")
    return {name: getattr(event, name) for name in names}


def _channel_row(channel: ChannelHeard) -> dict[str, Any]:
    return {
        "voiced_ratio": round(channel.voiced_ratio, 3),
        "utterances": len(channel.utterances),
        "phrases": len(channel.spotted),
    }


def _spotted(file: FileHeard) -> list[tuple[Channel, PhraseSpotted]]:
    """In the order of time, whichever channel."""
    found = [(channel.channel, event) for channel in file.channels for event in channel.spotted]
    return sorted(found, key=lambda pair: pair[1].audio_position_ms)


def _worded(file: FileHeard) -> list[tuple[Channel, UtteranceEnded]]:
    """Utterances in which words were heard, in the order of time."""
    found = [(channel.channel, said) for channel in file.channels for said in channel.utterances if said.text]
    return sorted(found, key=lambda pair: pair[1].start_ms)


class View(Protocol):
    """What is told while recordings are listened to."""

    def heard(self, file: FileHeard) -> None:
        """This one is done."""
        ...

    def drawn(self, picture: Path) -> None:
        """Its picture has been written."""
        ...

    def failed(self, path: Path, message: str) -> None:
        """Something is wrong with this one."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class JsonLines:
    """For programs: each recording's lines as soon as it is done."""

    def __init__(self, *, with_words: bool) -> None:
        self._with_words = with_words

    def heard(self, file: FileHeard) -> None:
        """As View."""
        for row in rows(file, with_words=self._with_words):
            typer.echo(orjson.dumps(row))

    def drawn(self, picture: Path) -> None:
        """As View."""
        typer.echo(orjson.dumps({"event": "picture", "file": str(picture)}))

    def failed(self, path: Path, message: str) -> None:
        """As View."""
        typer.echo(orjson.dumps({"event": "failed", "file": str(path), "message": message}))

    def end(self) -> None:
        """As View; everything has been said."""


class Report:
    """For people: one table at the end."""

    def __init__(self, rules: Iterable[RuleOptions], *, with_words: bool) -> None:
        self._rules = rules
        self._with_words = with_words
        self._files: list[FileHeard] = []
        self._pictures: list[Path] = []

    def heard(self, file: FileHeard) -> None:
        """As View."""
        self._files.append(file)

    def drawn(self, picture: Path) -> None:
        """As View."""
        self._pictures.append(picture)

    def failed(self, path: Path, message: str) -> None:
        """As View; the message goes to stderr, and the table is about what was heard."""

    def end(self) -> None:
        """As View."""
        for line in (line for file in self._files if self._with_words for line in transcript(file)):
            typer.echo(line)
        if any(_spotted(file) for file in self._files):
            Console().print(table(self._files))
        elif self._files:
            typer.echo(f"No phrase was heard; listened for: {listened_for(self._rules)}")
        for file in self._files:
            typer.echo(summary(file))
        for picture in self._pictures:
            typer.echo(f"picture: {picture}")


def listened_for(rules: Iterable[RuleOptions]) -> str:
    """All rules' phrases."""
    return ", ".join(dict.fromkeys(phrase for rule in rules for phrase in rule.phrases))


@contextmanager
def progress_bar(name: str, console: Console) -> Iterator[Progress]:
    """A bar for one recording, where the console is a terminal; yields what `Listener.hear` wants."""
    columns = (TextColumn("{task.description}"), BarColumn(), _Heard(), TimeRemainingColumn())
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(escape(name), total=None)
        yield lambda heard_s, total_s: bars.update(task, completed=heard_s, total=total_s)


class _Heard(ProgressColumn):
    """`01:12.0 / 60:00.0   74 × real time`."""

    def render(self, task: Task) -> Text:
        """As rich asks for it."""
        total = "" if task.total is None else f" / {clock(task.total * 1000)}"
        speed = f"  {task.speed:.0f} × real time" if task.speed else ""
        return Text(f"{clock(task.completed * 1000)}{total}{speed}")
