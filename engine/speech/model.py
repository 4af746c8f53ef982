"""A model's folder: is everything there that Vosk wants, and the overlay that sets how it is decoded.

Only files; Vosk itself is loaded in `vosk_binding.py`. Vosk ends the process on many kinds of broken model, so a folder is
checked before it is handed over.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.audio.format import SAMPLE_RATE
from engine.errors import ModelError
from engine.options import SpeechOptions
from engine.speech.graph_file import graph_fault

# Two layouts exist: `am/ conf/ graph/ ivector/`, and everything in one folder (older small models).
NESTED = {
    "acoustic model": ("am/final.mdl",),
    "features": ("conf/mfcc.conf",),
    "words": ("graph/words.txt",),
    "graphs": ("graph/HCLG.fst", "graph/HCLr.fst", "graph/Gr.fst"),  # the first, or both others
    "disambiguation": ("graph/disambig_tid.int",),
    "word boundaries": ("graph/phones/word_boundary.int",),
}
FLAT = {
    "acoustic model": ("final.mdl",),
    "features": ("mfcc.conf",),
    "words": ("words.txt",),
    "graphs": ("HCLG.fst", "HCLr.fst", "Gr.fst"),
    "disambiguation": ("disambig_tid.int",),
    "word boundaries": ("word_boundary.int",),
}
IVECTOR = ("final.dubm", "final.ie", "final.mat", "global_cmvn.stats", "online_cmvn.conf", "splice.conf")
# Vosk determinizes an utterance's lattice as it grows, again and again; nobody looks at it before the final hypothesis.
# In noise that was most of the cost (bench/README.md). Counts of the network's output frames, beyond any utterance.
LATTICE_AT_THE_END = {"determinize-min-chunk-size": 100_000, "determinize-max-delay": 200_000}
KALDI_RATE = 16_000  # where mfcc.conf does not say one
_WANTS_IVECTOR = b"input-node name=ivector"
_NNET_MARK = b"<Nnet3>"


def validate_model(path: Path) -> None:
    """Do nothing if `path` holds a whole model; ModelError with every missing or broken part otherwise."""
    if not path.is_dir():
        raise ModelError(
            f"model {path}: not a folder; set VOSK_MODEL_PATH to a Vosk model's folder (see `cueline models list`)"
        )
    try:
        entries = list(path.iterdir())
    except OSError as error:
        raise ModelError(f"model {path}: can't be read ({error.strerror})") from error
    if not entries:
        raise ModelError(f"model {path}: the folder is empty; `cueline models pull NAME` fetches a model")
    faults = _faults(path)
    if faults:
        raise ModelError(f"model {path}: " + "; ".join(faults))


def _faults(path: Path) -> list[str]:
    flat = (path / "final.mdl").is_file()
    layout = FLAT if flat else NESTED
    always = ("acoustic model", "features", "words", "word boundaries")
    faults = [_fault(path, path / layout[part][0]) for part in always]
    if not flat:
        faults.append(_fault(path, path / "conf/model.conf"))
    faults += _graph_faults(path, *layout["graphs"], *layout["disambiguation"])
    if not faults[1]:
        faults.append(_rate_fault(path, layout["features"][0]))
    if not faults[0]:
        faults += _network_faults(path, path / layout["acoustic model"][0])
    return [fault for fault in faults if fault]


def _graph_faults(root: Path, whole: str, left: str, right: str, disambiguation: str) -> list[str]:
    """Faults of the graph in one piece, or of the one in two."""
    if (root / left).exists():
        return [_graph_fault(root, left), _graph_fault(root, right), _fault(root, root / disambiguation)]
    return [_graph_fault(root, whole) if (root / whole).exists() else f"{left} or {whole} is missing"]


def _graph_fault(root: Path, name: str) -> str:
    if fault := _fault(root, root / name):
        return fault
    fault = graph_fault(root / name)
    return fault and f"{name} {fault}"


def _fault(root: Path, part: Path) -> str:
    """What is wrong with one file, or nothing."""
    name = part.relative_to(root)
    if not part.is_file():
        return f"{name} is missing"
    try:
        with part.open("rb") as file:
            return "" if file.read(1) else f"{name} is empty"
    except OSError as error:
        return f"{name} can't be read ({error.strerror})"


def _rate_fault(root: Path, name: str) -> str:
    """A model of another rate that may not convert ours: Vosk would say so at each chunk and hear nothing."""
    try:
        given = dict(line.strip().removeprefix("--").partition("=")[::2] for line in _lines(root, name))
        rate = float(given.get("sample-frequency", KALDI_RATE))
    except ModelError as error:
        return str(error).partition(": ")[2]
    except ValueError:
        return f"{name}: sample-frequency is no number"
    option = "allow-upsample" if rate > SAMPLE_RATE else "allow-downsample"
    if rate == SAMPLE_RATE or given.get(option) in ("true", ""):
        return ""
    return f"{name} is for {rate:g} Hz without --{option}=true; telephone audio has {SAMPLE_RATE}"


def _network_faults(root: Path, acoustic: Path) -> list[str]:
    """Faults inside the acoustic model, and the i-vector parts that its network asks for."""
    with acoustic.open("rb") as file:
        head = file.read(1 << 20)
    if _NNET_MARK not in head:
        return [f"{acoustic.relative_to(root)} is not a Kaldi nnet3 model"]
    if _WANTS_IVECTOR not in head:
        return []
    folder = root / "ivector"
    return [_fault(root, folder / name) for name in IVECTOR]


def _settings(options: SpeechOptions) -> dict[str, float | None]:
    """How the model is decoded; None leaves it as the model says."""
    return {
        "frames-per-chunk": options.chunk_frames,
        "beam": options.beam,
        "lattice-beam": options.lattice_beam,
        "min-active": options.min_active,
        **LATTICE_AT_THE_END,
    }


def overlay(path: Path, settings: Mapping[str, float], folder: Path) -> Path:
    """Make in `folder` a model that is `path` by links, but with these settings in its model.conf; return it."""
    for entry in path.iterdir():
        if entry.name != "conf":
            (folder / entry.name).symlink_to(entry.resolve())
    conf = folder / "conf"
    conf.mkdir()
    for entry in (path / "conf").iterdir():
        if entry.name != "model.conf":
            (conf / entry.name).symlink_to(entry.resolve())
    lines = _lines(path, "conf/model.conf")
    kept = [line for line in lines if line.split("=")[0].strip().removeprefix("--") not in settings]
    ours = [f"--{name}={value}" for name, value in settings.items()]
    (conf / "model.conf").write_text("\n".join([*kept, *ours, ""]))
    return folder


def _lines(root: Path, name: str) -> list[str]:
    try:
        return (root / name).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"model {root}: {name} can't be read ({error})") from error


@contextmanager
def prepared_model(options: SpeechOptions) -> Iterator[Path]:
    """A validated folder to load from; the overlay, where one is needed, is gone afterwards (Vosk reads all at once)."""
    path = options.model_path
    validate_model(path)
    settings = {name: value for name, value in _settings(options).items() if value is not None}
    if not (path / "conf/model.conf").is_file():  # the flat layout has no settings file
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cueline-model-") as folder:
        yield overlay(path, settings, Path(folder))
