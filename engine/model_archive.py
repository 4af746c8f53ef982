"""Unpack a model's archive into an empty folder, or refuse it whole.

The list of contents is judged before a byte is written: nothing may leave the folder, be a link or a device, come twice
or be a file and a folder at once (in whatever case), be encrypted, or unpack to more than the caller grants. An entry never
yields more than it declares (zipfile stops there and its checksum then fails).
"""

import errno
import shutil
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from engine.errors import ModelError

MAX_ENTRIES = 10_000
MAX_NAME_BYTES = 255  # of one part of a path: what file systems take
MAX_PATH_BYTES = 1024
_PLAIN_KINDS = (0, stat.S_IFREG, stat.S_IFDIR)  # 0: the archiver wrote no Unix mode
_ENCRYPTED = 0x1
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for any amount of memory


def unpack(archive: Path, root: str, target: Path, limit_bytes: int) -> None:
    """Write what lies under `root` of a zip file into `target`, an empty folder. ModelError: bad archive; OSError: no room."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _judged(opened.infolist(), limit_bytes, target)
            wanted = [entry for entry in entries if PurePosixPath(entry.filename).is_relative_to(root)]
            if all(entry.is_dir() or PurePosixPath(entry.filename) == PurePosixPath(root) for entry in wanted):
                raise ModelError(
                    f"the archive has no folder {root}; it holds: {', '.join(_tops(entries)) or 'nothing'}"
                )
            for entry in wanted:
                _write(opened, entry, target / PurePosixPath(entry.filename).relative_to(root))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ModelError(f"the archive is broken: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise ModelError("the archive is broken: it names places outside itself") from error


def _judged(entries: list[zipfile.ZipInfo], limit_bytes: int, target: Path) -> list[zipfile.ZipInfo]:
    if len(entries) > MAX_ENTRIES:
        raise ModelError(f"the archive has {len(entries)} entries, more than {MAX_ENTRIES}")
    for entry in entries:
        if fault := _fault(entry):
            raise ModelError(f"the archive is refused: {entry.orig_filename[:MAX_NAME_BYTES]!r} {fault}")
    if fault := _clash(entries):
        raise ModelError(f"the archive is refused: {fault}")
    total = sum(entry.file_size for entry in entries)
    if total > limit_bytes:
        raise ModelError(f"the archive is refused: it unpacks to {total} bytes, more than the {limit_bytes} allowed")
    if total > (free := shutil.disk_usage(target).free):
        raise OSError(errno.ENOSPC, f"{free} bytes are free, {total} are needed", str(target))
    return entries


def _fault(entry: zipfile.ZipInfo) -> str:
    """Why this entry is refused, or nothing."""
    name = entry.filename
    parts = PurePosixPath(name).parts
    if not parts or parts[0].startswith("/") or ".." in parts or "\\" in name or ":" in parts[0]:
        return "leaves its folder"
    if len(name.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > MAX_NAME_BYTES for part in parts):
        return "has too long a name"
    if not name.isprintable():
        return "is no plain name"
    if stat.S_IFMT(entry.external_attr >> 16) not in _PLAIN_KINDS:
        return "is a link or a device"
    if entry.compress_type not in _COMPRESSIONS:
        return "is compressed in another way than deflate"
    return "is encrypted" if entry.flag_bits & _ENCRYPTED else ""


def _clash(entries: list[zipfile.ZipInfo]) -> str:
    """Which path is meant twice, or as a file and as a folder; however it is spelled, where some file system takes it for one."""
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for entry in entries:
        path = PurePosixPath(unicodedata.normalize("NFC", entry.filename).casefold())
        mine = folders if entry.is_dir() else files
        if path in mine:
            return f"{entry.filename!r} comes twice"
        mine.add(path)
    folders.update(parent for path in (*files, *folders) for parent in path.parents)
    return f"{min(both).as_posix()!r} is a file and a folder" if (both := files & folders) else ""


def _tops(entries: list[zipfile.ZipInfo]) -> list[str]:
    return sorted({PurePosixPath(entry.filename).parts[0] for entry in entries})[:10]


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    if entry.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("xb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
