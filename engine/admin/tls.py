"""The admin API's side of TLS: which files, and what its settings are called."""

import ssl

from engine import tls
from engine.options import AdminOptions

NAMES = ("CUELINE_ADMIN_TLS_CERT", "CUELINE_ADMIN_TLS_KEY")


def server_context(options: AdminOptions) -> ssl.SSLContext | None:
    """TLS with the files as they are now; None where none are set. ConfigError."""
    return tls.server_context(options.tls_cert, options.tls_key, NAMES)


def certificate_watch(options: AdminOptions) -> tls.CertificateWatch | None:
    """TLS with the files as they are at any time; None where none are set. ConfigError."""
    return tls.certificate_watch(options.tls_cert, options.tls_key, NAMES)
