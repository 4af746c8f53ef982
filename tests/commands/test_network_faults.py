"""The words for a connection that could not be had; those of real sockets are in test_webhook_bad_receivers."""

import errno
import socket
import ssl
from types import SimpleNamespace

import aiohttp
import pytest

from engine.commands.network_faults import network_fault

KEY = SimpleNamespace(host="h", port=9, ssl=True, is_ssl=True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(errno.ECONNREFUSED, "hush")), "connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EHOSTUNREACH, "hush")), "no route to host"),
        (aiohttp.ClientConnectorError(KEY, OSError("Multiple exceptions: hush")), "no connection"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "hush")), "name not resolved"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError(1, "hush")), "certificate not accepted"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "hush")), "no TLS handshake"),
        (aiohttp.ServerDisconnectedError("hush"), "connection closed without an answer"),
        (aiohttp.ServerTimeoutError("hush"), "timed out"),
        (aiohttp.ClientOSError(errno.ECONNRESET, "hush"), "connection reset"),
        (aiohttp.ClientPayloadError("hush"), "ClientPayloadError"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "hush"), "connection refused"),
        (BrokenPipeError(errno.EPIPE, "hush"), "connection closed"),
        (TimeoutError(errno.ETIMEDOUT, "hush"), "timed out"),
        (TimeoutError(), "timed out"),
        (socket.gaierror(socket.EAI_NONAME, "hush"), "name not resolved"),
        (aiohttp.InvalidURL("http://h/hush"), "InvalidURL"),
    ],
)
def test_the_kind_is_told_and_nothing_else(error: Exception, words: str) -> None:
    assert network_fault(error) == words
