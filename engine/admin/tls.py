"""The admin API's side of TLS: certificate and key read once at the start, each fault one line of configuration."""

import ssl
from pathlib import Path

from engine.errors import ConfigError
from engine.options import AdminOptions

CERT, KEY = "CUELINE_ADMIN_TLS_CERT", "CUELINE_ADMIN_TLS_KEY"


def server_context(options: AdminOptions) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with these files; None where none are set. ConfigError."""
    if options.tls_cert is None or options.tls_key is None:
        return None
    faults = [*_unreadable(CERT, options.tls_cert), *_unreadable(KEY, options.tls_key)]
    if faults:
        raise ConfigError(faults)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.tls_cert, options.tls_key, password=lambda: b"")  # never asks on the terminal
    except (OSError, ValueError) as error:  # SSLError is an OSError; a key that needs a password is a ValueError or one
        raise ConfigError([_mismatch(options, error)]) from error
    return context


def _unreadable(name: str, path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return [] if file.read(1) else [f"{name} = {path}: is empty; give a file in PEM form"]
    except OSError as error:
        return [f"{name} = {path}: can't be read ({error.strerror})"]


def _mismatch(options: AdminOptions, error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return f"{KEY} = {options.tls_key}: is not the key of the certificate in {options.tls_cert}"
    return (
        f"{CERT} = {options.tls_cert}, {KEY} = {options.tls_key}: "
        "not a certificate (chain) and its key, without a password, in PEM form"
    )
