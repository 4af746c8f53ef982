"""What people and programs see, from made-up results."""

import io
import re

import pytest
from rich.console import Console

from engine.heard import FileHeard
from engine.listen_views import clock, progress_bar, rows, summary, table, transcript
from tests.support.heard import channel_heard, file_heard, spotted


def shown(*files: FileHeard) -> list[list[str]]:
    """The table's cells, without its head."""
    console = Console(file=io.StringIO(), width=200)
    console.print(table(files))
    lines = console.file.getvalue().splitlines()
    return [re.split(r"  +", line.strip()) for line in lines[3:] if line.strip()]


@pytest.mark.parametrize(
    ("position_ms", "text"),
    [(0, "00:00.0"), (6_280, "00:06.3"), (59_949, "00:59.9"), (59_951, "01:00.0"), (3_661_000, "61:01.0")],
)
def test_clock(position_ms, text):
    assert clock(position_ms) == text


def test_the_table_goes_by_time_and_channels_mix():
    file = file_heard(
        "x/a.wav",
        channel_heard("external", [spotted("transfer me", 2000), spotted("stop now", 9000, 0.875)], 20),
        channel_heard("internal", [spotted("cancel it", 5000)], 20),
    )
    assert shown(file) == [
        ["a.wav", "external", "transfer me", "transfer-me", "00:02.0", "00:02.3", "–", "partial"],
        ["a.wav", "internal", "cancel it", "cancel-it", "00:05.0", "00:05.3", "–", "partial"],
        ["a.wav", "external", "stop now", "stop-now", "00:09.0", "00:09.3", "0.88", "final"],
    ]


def test_recordings_of_one_name_are_told_by_their_folders():
    files = [file_heard(f"{each}/a[b].wav", channel_heard("external", [spotted("x", 2000)], 5)) for each in "pq"]
    assert [cells[0] for cells in shown(*files)] == ["p/a[b].wav", "q/a[b].wav"]


def test_a_line_per_recording():
    file = file_heard("x/a.wav", channel_heard("external", [spotted("x", 2000)], 20), channel_heard("internal", [], 20))
    assert summary(file) == (
        "x/a.wav: 00:20.0, external: 50% voiced, 10 utterances, 1 phrase; "
        "internal: 50% voiced, 10 utterances, 0 phrases; 80 × real time"
    )


def test_rows_hold_no_words_but_the_phrase_unless_asked_for():
    file = file_heard("a.wav", channel_heard("external", [spotted("stop now", 2000)], 4))
    plain = list(rows(file, with_words=False))
    assert [row["event"] for row in plain] == ["phrase", "file"]
    assert "well" not in str(plain)
    assert [row["event"] for row in rows(file, with_words=True)] == ["phrase", "utterance", "utterance", "file"]
    assert next(transcript(file)) == "a.wav external 00:01.0–00:02.0  well [unk] then"


def test_the_bar_tells_position_length_and_speed():
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with progress_bar("call[1].wav", console) as progress:
        for heard_s in range(61):
            progress(heard_s, 60.0)
    text = console.file.getvalue()
    assert "call[1].wav" in text
    assert "01:00.0 / 01:00.0" in text
    assert "× real time" in text


def test_the_bar_of_an_unknown_length_and_none_outside_a_terminal():
    for terminal, wanted in ((True, "00:07.0"), (False, "")):
        console = Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)
        with progress_bar("a.wav", console) as progress:
            progress(7.0, None)
        assert wanted in console.file.getvalue()
        assert terminal or not console.file.getvalue().strip()
