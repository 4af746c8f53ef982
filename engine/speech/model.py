"""A model's folder: is everything there that Vosk wants, and the overlay that sets how it is decoded.

Only files; Vosk itself is loaded in `vosk_binding.py`. Vosk ends the process on many kinds of broken model, so a folder is
checked before it is handed over.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ModelError
from engine.options import SpeechOptions

# Two layouts exist: `am/ conf/ graph/ ivector/`, and everything in one folder (older small models).
NESTED = {
    "acoustic model": ("am/final.mdl",),
    "features": ("conf/mfcc.conf",),
    "words": ("graph/words.txt", "graph/HCLG.fst", "graph/HCLr.fst"),
    "word boundaries": ("graph/phones/word_boundary.int",),
}
FLAT = {
    "acoustic model": ("final.mdl",),
    "features": ("mfcc.conf",),
    "words": ("words.txt", "HCLG.fst", "HCLr.fst"),
    "word boundaries": ("word_boundary.int",),
}
IVECTOR = ("final.dubm", "final.ie", "final.mat", "global_cmvn.stats", "online_cmvn.conf", "splice.conf")
_WANTS_IVECTOR = b"input-node name=ivector"
_NNET_MARK = b"<Nnet3>"


def validate_model(path: Path) -> None:
    """Do nothing if `path` holds a whole model; ModelError with every missing or broken part otherwise."""
    if not path.is_dir():
        raise ModelError(
            f"model {path}: not a folder; set VOSK_MODEL_PATH to a Vosk model's folder (see `cueline models list`)"
        )
    if not any(path.iterdir()):
        raise ModelError(f"model {path}: the folder is empty; `cueline models pull NAME` fetches a model")
    faults = _faults(path)
    if faults:
        raise ModelError(f"model {path}: " + "; ".join(faults))


def _faults(path: Path) -> list[str]:
    flat = (path / "final.mdl").is_file()
    layout = FLAT if flat else NESTED
    acoustic, features = path / layout["acoustic model"][0], path / layout["features"][0]
    words, full_graph, left_graph = (path / name for name in layout["words"])
    faults = [_fault(path, part) for part in (acoustic, features, path / layout["word boundaries"][0])]
    if not flat:
        faults.append(_fault(path, path / "conf/model.conf"))
    if left_graph.exists():
        faults += [_fault(path, left_graph), _fault(path, left_graph.with_name("Gr.fst"))]
    elif full_graph.exists():
        faults += [_fault(path, full_graph), _fault(path, words)]
    else:
        faults.append(f"{left_graph.relative_to(path)} or {full_graph.relative_to(path)} is missing")
    faults += _network_faults(path, acoustic)
    return [fault for fault in faults if fault]


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


def _network_faults(root: Path, acoustic: Path) -> list[str]:
    """Faults inside the acoustic model, and the i-vector parts that its network asks for."""
    if not acoustic.is_file():
        return []
    with acoustic.open("rb") as file:
        head = file.read(1 << 20)
    if head and _NNET_MARK not in head:
        return [f"{acoustic.relative_to(root)} is not a Kaldi nnet3 model"]
    if _WANTS_IVECTOR not in head:
        return []
    folder = root / "ivector"
    return [_fault(root, folder / name) for name in IVECTOR]


def overlay(path: Path, settings: Mapping[str, int], folder: Path) -> Path:
    """Make in `folder` a model that is `path` by links, but with these settings in its model.conf; return it."""
    for entry in path.iterdir():
        if entry.name != "conf":
            (folder / entry.name).symlink_to(entry.resolve())
    conf = folder / "conf"
    conf.mkdir()
    for entry in (path / "conf").iterdir():
        if entry.name != "model.conf":
            (conf / entry.name).symlink_to(entry.resolve())
    lines = (path / "conf/model.conf").read_text().splitlines()
    kept = [line for line in lines if line.split("=")[0].strip().removeprefix("--") not in settings]
    ours = [f"--{name}={value}" for name, value in settings.items()]
    (conf / "model.conf").write_text("\n".join([*kept, *ours, ""]))
    return folder


@contextmanager
def prepared_model(options: SpeechOptions) -> Iterator[Path]:
    """A validated folder to load from; the overlay, where one is needed, is gone afterwards (Vosk reads all at once)."""
    path = options.model_path
    validate_model(path)
    wanted = {"frames-per-chunk": options.frames_per_chunk, "min-active": options.min_active}
    settings = {name: value for name, value in wanted.items() if value is not None}
    if not settings or not (path / "conf/model.conf").is_file():  # the flat layout has no settings file
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cueline-model-") as folder:
        yield overlay(path, settings, Path(folder))
