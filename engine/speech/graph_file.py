"""Whether a decoding graph's file is an OpenFst graph with all its bytes.

Vosk crashes on one that was cut short instead of saying so. Only the header is read: the least size that states and arcs
need is compared with the file's own, so a cut in what follows them is not seen (a checksum sees it: `models verify`).
"""

import struct
from pathlib import Path
from typing import BinaryIO

_MAGIC = 0x7EB2FDD6
_ADD_ON_MAGIC = 446681434  # a graph with extras (Vosk's HCLr.fst) wraps a plain one
_STATE_BYTES = {b"const": 20, b"vector": 12}
_ARC_BYTES = 16
_MOST_ADD_ONS = 4  # one around another; real graphs have one
_MOST_NAME_BYTES = 256  # of a kind's name


class _CutShortError(Exception):
    """The file ended too early."""


def graph_fault(path: Path) -> str:
    """What is wrong with the file, or nothing; OSError where it can't be read."""
    with path.open("rb") as file:
        try:
            needed = _needed_bytes(file)
        except _CutShortError:
            return "is cut short"
    if needed is None:
        return "is not an OpenFst graph"
    return "is cut short" if path.stat().st_size < needed else ""


def _needed_bytes(file: BinaryIO, depth: int = 0) -> int | None:
    """The least number of bytes that a graph beginning here reaches to; None where none begins."""
    if _read(file, "<i")[0] != _MAGIC:
        return None
    kind, _arc = (_string(file) for _ in range(2))
    _version, _flags, _properties, _start, states, arcs = _read(file, "<iiQqqq")
    if kind in _STATE_BYTES:
        return file.tell() + max(states, 0) * _STATE_BYTES[kind] + max(arcs, 0) * _ARC_BYTES
    if depth < _MOST_ADD_ONS and _read(file, "<i")[0] == _ADD_ON_MAGIC:
        return _needed_bytes(file, depth + 1)
    return file.tell()  # a kind that we can't size


def _read(file: BinaryIO, layout: str) -> tuple[int, ...]:
    data = file.read(struct.calcsize(layout))
    if len(data) < struct.calcsize(layout):
        raise _CutShortError
    return struct.unpack(layout, data)


def _string(file: BinaryIO) -> bytes:
    return file.read(min(max(_read(file, "<i")[0], 0), _MOST_NAME_BYTES))
