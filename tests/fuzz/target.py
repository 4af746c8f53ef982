"""One fuzzed parser: how bytes reach it, what it may raise, where good inputs begin.

`take` hands the bytes on and checks what must hold of the answer with plain asserts. Whatever leaves it that is not one of
`documented` is a find: an undocumented exception, or something that was promised and is not so.
"""

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Target:
    """One row of the table. `weight` is its share of the inputs; `words` are what the format is made of."""

    name: str
    what: str
    take: Callable[[bytes], None]
    documented: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    weight: int = 1
    most_bytes: int = 4096

    def feed(self, data: bytes) -> None:
        """One input. Returns where the parser took it or refused it as documented; all else is raised."""
        with contextlib.suppress(*self.documented):
            self.take(data)


def memory() -> Path | None:
    """A folder in memory, where there is one."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() else None


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=tempfile.tempdir or memory()))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def scratch(name: str) -> Path:
    """A path for this process's file or folder of that name."""
    return _folder() / name


def pieces(data: bytes, cuts: bytes) -> Iterable[bytes]:
    """The data in pieces whose lengths the cuts say, the last one the rest."""
    at = 0
    for cut in cuts:
        yield data[at : at + cut]
        at += cut
    yield data[at:]
