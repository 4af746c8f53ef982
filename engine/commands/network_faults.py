"""Why a connection could not be had, in the words that the system has for it: "connection refused", "timed out".

Only the kind of the fault is told: an exception's own text may hold the address with its path and key.
"""

import errno
import os
import socket
import ssl

import aiohttp

_WORDS = {  # shorter than the system's, where these are clear
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "timed out",
    errno.EPIPE: "connection closed",
}


_KINDS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (  # the first that fits
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), "name not resolved"),
    ((aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError), "certificate not accepted"),
    ((aiohttp.ClientSSLError, ssl.SSLError), "no TLS handshake"),
    ((aiohttp.ServerDisconnectedError,), "connection closed without an answer"),
)


def network_fault(error: Exception) -> str:
    """A few words, without address; the exception's name where nothing better is known."""
    for kinds, words in _KINDS:
        if isinstance(error, kinds):
            return words
    if isinstance(error, aiohttp.ClientConnectorError):
        return _of_system(error.os_error)
    return _of_system(error) if isinstance(error, OSError) else type(error).__name__


def _of_system(error: OSError) -> str:
    if error.errno is None:  # a deadline's end, or several addresses, each with a fault of its own
        return "timed out" if isinstance(error, TimeoutError) else "no connection"
    return _WORDS.get(error.errno) or os.strerror(error.errno).lower()
