"""Certificates made on the spot with the `openssl` program: an authority, and one for this machine signed by it."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program here")


@dataclass(frozen=True)
class Certificates:
    authority: Path
    cert: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificates(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificates:
    """For these names, good for two days."""
    made = Certificates(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    ca_key = folder / "ca-key.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    usage = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    _openssl("req", "-x509", *curve, *usage, "-subj", "/CN=Test CA", "-keyout", ca_key, "-out", made.authority)
    request = folder / "request.pem"
    extensions = folder / "extensions"
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n"
        "authorityKeyIdentifier=keyid\nkeyUsage=critical,digitalSignature\n"
    )
    _openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", made.key, "-out", request)
    signed = ("-CA", made.authority, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", extensions)
    _openssl("x509", "-req", "-in", request, *signed, "-out", made.cert)
    return made


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)
