"""Which models there are: `models/manifest.toml` as frozen entries, and where the embedded one lies.

Nothing here opens a socket or loads a model; `config` asks it for the default path. The manifest stands beside the
models: in `models/` of a checkout, in `engine/models/` of an installed wheel.
"""

import difflib
import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from engine.errors import ModelError
from engine.options import Options

EMBEDDED = "cueline-en-8k"
PYPI = "pypi:"

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ModelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class ModelEntry(Options):
    """One model of the manifest; what is not known is left out there and None here."""

    name: ModelName
    language: str = Field(description="BCP 47 tag.")
    rate: int = Field(ge=8000, description="Sampling rate of the training audio, Hz.")
    source: str = Field(pattern=r"^(embedded|https?://\S+\.zip|pypi:[A-Za-z0-9._-]+==[A-Za-z0-9.]+)$")
    size_bytes: int | None = Field(None, gt=0, description="Of the archive; of the folder for the embedded model.")
    sha256: Sha256 | None = Field(None, description="Of the archive; tree_sha256 for the embedded model.")
    root: str | None = Field(None, description="Folder of the model within the archive; default: its name.")
    licence: str | None = None
    memory_mb: int | None = Field(None, gt=0, description="Resident, once loaded.")
    cost: str | None = Field(None, description="Measured CPU seconds per audio second, with the conditions.")
    note: str | None = None

    @property
    def embedded(self) -> bool:
        """Whether it comes with Cueline and is never fetched."""
        return self.source == "embedded"


@dataclass(frozen=True, slots=True)
class Manifest:
    """All entries, in the file's order."""

    entries: tuple[ModelEntry, ...]

    def find(self, name: str) -> ModelEntry:
        """The entry of that name; ModelError names what is near, or all."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = [entry.name for entry in self.entries]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names
        raise ModelError(f"no model {name!r} in the manifest; known: {', '.join(near)} (see `cueline models list`)")


def models_folder() -> Path:
    """Folder of the manifest and the embedded model: the wheel's, else the checkout's."""
    here = Path(__file__).resolve().parent
    installed = here / "models"
    return installed if (installed / "manifest.toml").is_file() else here.parent / "models"


def embedded_model_path() -> Path:
    """The model that needs no download; whether it is whole is for `verify` to say."""
    return models_folder() / EMBEDDED


def load_manifest(path: Path | None = None) -> Manifest:
    """Read the manifest; ModelError says what is wrong with it."""
    path = path or models_folder() / "manifest.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("models", [])
        entries = TypeAdapter(tuple[ModelEntry, ...]).validate_python(tables)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: {_first(error)}") from error
    names = [entry.name for entry in entries]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ModelError(f"{path}: two models are called {repeated[0]}")
    return Manifest(entries)


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"models[{'.'.join(map(str, fault['loc']))}]: {fault['msg']}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def tree_sha256(folder: Path) -> str:
    """One checksum for all files of a folder: what `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` says."""
    names = sorted(path.relative_to(folder).as_posix().encode() for path in folder.rglob("*") if path.is_file())
    tree = hashlib.sha256()
    for name in names:
        with (folder / name.decode()).open("rb") as file:
            tree.update(hashlib.file_digest(file, "sha256").hexdigest().encode() + b"  " + name + b"\n")
    return tree.hexdigest()


def tree_bytes(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
