"""Our side of TLS for whoever listens: certificate and key from two files, and from the same files anew when they change.

At the start a fault is one line of configuration each. Later a pair that can't be used is one error in the log, and the pair
before it stays: a half-written file or a certificate without its key ends nothing. Connections that stand keep the certificate
they began with. A context that is in use is never changed; each handshake is handed the newest one.
"""

import asyncio
import ssl
from pathlib import Path

import structlog

from engine.errors import ConfigError

LOOK_S = 5.0

Stamp = tuple[int, int, int] | None  # what tells a file from a later one; None where there is none

log = structlog.get_logger(__name__)


def server_context(cert: Path | None, key: Path | None, names: tuple[str, str]) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with these files; None where none are set. ConfigError, with the settings' `names`."""
    if cert is None or key is None:
        return None
    faults = [*_unreadable(names[0], cert), *_unreadable(names[1], key)]
    if faults:
        raise ConfigError(faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=lambda: b"")  # never asks on the terminal
    except (OSError, ValueError) as error:  # SSLError is an OSError; a key that needs a password is a ValueError or one
        raise ConfigError([_mismatch(cert, key, names, error)]) from error
    return context


def certificate_watch(cert: Path | None, key: Path | None, names: tuple[str, str]) -> "CertificateWatch | None":
    """The same, kept up to date; None where none are set. ConfigError."""
    return CertificateWatch(cert, key, names) if cert is not None and key is not None else None


class CertificateWatch:
    """`context` is for the listener, from first to last; `run` as a task, or `refresh` now and then, keeps it up to date."""

    def __init__(self, cert: Path, key: Path, names: tuple[str, str]) -> None:
        """Read both. ConfigError."""
        self._files = cert, key
        self._names = names
        self._seen = self._stamps()
        self.context = self._newest = self._read()
        self.context.sni_callback = self._hand_out  # called in every handshake, whether or not a name is asked for

    async def run(self, every_s: float = LOOK_S) -> None:
        """Look at the files until cancelled; in a thread, as a disk may be slow."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.refresh)

    def refresh(self) -> bool:
        """Look at the files once; True where they changed and a new pair is in use."""
        stamps = self._stamps()
        if stamps == self._seen:
            return False
        self._seen = stamps
        try:
            self._newest = self._read()
        except ConfigError as error:
            log.error("A new certificate can't be used; the one before it stays", faults=error.faults)  # noqa: TRY400 - no traceback
            return False
        log.info("The certificate was read again", cert=str(self._files[0]))
        return True

    def _read(self) -> ssl.SSLContext:
        context = server_context(*self._files, self._names)
        assert context is not None
        return context

    def _hand_out(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _stamps(self) -> tuple[Stamp, ...]:
        return tuple(map(_stamp, self._files))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _unreadable(name: str, path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return [] if file.read(1) else [f"{name} = {path}: is empty; give a file in PEM form"]
    except OSError as error:
        return [f"{name} = {path}: can't be read ({error.strerror})"]


def _mismatch(cert: Path, key: Path, names: tuple[str, str], error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"{names[1]} = {key}: is not the key of the certificate in {cert}"
    return (
        f"{names[0]} = {cert}, {names[1]} = {key}: "
        "not a certificate (chain) and its key, without a password, in PEM form"
    )
