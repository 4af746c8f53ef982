"""What is said when in a folder's recordings: its `labels.csv`, else its `manifest.json` (as in engine/simulator/speech).

Read whole and checked against the recordings before anything is heard; every fault is one line that names file, line and
what is allowed, and all are told at once. Recordings that lie in the folder without being named are talk in which no
phrase is said. Files of labels are read here and nowhere else; how a recording is measured comes from outside.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path

from engine.errors import AudioFileError, LabelsError
from engine.label_rows import CSV, MANIFEST, Label, Row, rows_of_csv, rows_of_manifest
from engine.options import FRAME_MS, Channel
from engine.speech.phrases import normalise

SUFFIXES = frozenset((".wav", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64", ".rf64"))
MOST_NAMES = 5
Measure = Callable[[Path], tuple[int, float | None]]  # channels, seconds where the header tells; AudioFileError


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """A recording and what is said in it."""

    path: Path
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class LabelledFolder:
    """All recordings, those that are named first."""

    recordings: tuple[LabelledRecording, ...]
    notes: tuple[str, ...]  # what the user should know, a sentence each

    @property
    def phrases(self) -> tuple[str, ...]:
        """The distinct phrases, each in the spelling that came first."""
        distinct: dict[str, str] = {}
        for recording in self.recordings:
            for label in recording.labels:
                distinct.setdefault(normalise(label.phrase), label.phrase)
        return tuple(distinct.values())


def read_folder(folder: Path, measure: Measure) -> LabelledFolder:
    """Labels and recordings of a folder; LabelsError with every fault."""
    try:
        present = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise LabelsError([f"{folder}: can't be read ({error.strerror}); give a folder of recordings"]) from error
    faults: list[str] = []
    rows, source = _rows(folder, faults)
    by_file: dict[Path, list[Row]] = {}
    for row in rows:
        by_file.setdefault(Path(normpath(folder / row.file)), []).append(row)
    named = [LabelledRecording(path, _checked(path, mine, measure, faults)) for path, mine in by_file.items()]
    others = [path for path in (Path(normpath(path)) for path in present) if path not in by_file]
    if not (named or others or faults):
        faults.append(f"{folder}: holds no recording; recordings end in {', '.join(sorted(SUFFIXES))}")
    if faults:
        raise LabelsError(faults)
    notes = (f"{_names(others)}: not named in {source}, so heard as talk in which no phrase is said",) if others else ()
    return LabelledFolder((*named, *(LabelledRecording(path, ()) for path in others)), notes)


def _rows(folder: Path, faults: list[str]) -> tuple[list[Row], str]:
    """The rows that make sense, and the name of the file that they stand in."""
    for name, read in ((CSV, rows_of_csv), (MANIFEST, rows_of_manifest)):
        try:
            return read((folder / name).read_bytes(), faults), name
        except FileNotFoundError:
            continue
        except OSError as error:
            faults.append(f"{folder / name}: can't be read ({error.strerror})")
            return [], name
    faults.append(
        f"{folder}: holds neither {CSV} nor {MANIFEST}; give {CSV} with a line file,phrase,start_ms,end_ms and a line"
        " for each place where a phrase is said"
    )
    return [], CSV


def _checked(path: Path, rows: Sequence[Row], measure: Measure, faults: list[str]) -> tuple[Label, ...]:
    """A recording's labels; what is wrong with it, or with them, is added to the faults."""
    try:
        channels, duration_s = measure(path)
    except AudioFileError as error:
        faults.append(f"{rows[0].where}: {error}")
        return ()
    labels = [row.label for row in rows if row.label]
    for label in labels:
        faults += _misplaced(label, path, channels, duration_s)
    faults += _repeated(labels)
    return tuple(sorted(labels, key=lambda label: label.end_ms))


def _misplaced(label: Label, path: Path, channels: int, duration_s: float | None) -> Iterator[str]:
    if duration_s is not None and label.end_ms > duration_s * 1000 + FRAME_MS:
        yield f"{label.where}: end_ms {label.end_ms} lies beyond the end of {path.name}, {round(duration_s * 1000)} ms"
    if label.channel == "internal" and channels == 1:
        yield f"{label.where}: channel internal, but {path.name} is mono, which is taken for external"


def _repeated(labels: Sequence[Label]) -> Iterator[str]:
    first: dict[tuple[str, int, int, Channel], Label] = {}
    for label in labels:
        same = first.setdefault((normalise(label.phrase), label.start_ms, label.end_ms, label.channel), label)
        if same is not label:
            yield f"{label.where}: says the same as {same.where}; label each place once"


def _names(paths: Sequence[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:MOST_NAMES])
    return shown if len(paths) <= MOST_NAMES else f"{shown} and {len(paths) - MOST_NAMES} more"
