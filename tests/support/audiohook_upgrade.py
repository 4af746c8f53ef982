"""Upgrade requests as an AudioHook client makes them, put together by hand: text and `hmac`, nothing of the engine's signing."""

import base64
import hmac
from dataclasses import dataclass, replace
from typing import Self

from engine.genesys.audiohook.auth import Upgrade

COVERED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
NOW_S = 1_790_000_000


@dataclass(frozen=True)
class Client:
    """One request. What stands here is signed; `parameters` replaces the usual ones, of which each is text as it is sent."""

    target: str = "/audiohook/ws?site=a"
    authority: str = "voice.example.net:8443"
    organization: str = "5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11"
    session: str = "c2a1f7d4-3b7e-4f63-8a55-9e0d1b7c4e21"
    correlation: str = "0f9d2c6b-71a8-4e0d-b1c4-6a5e3d2f1b90"
    api_key: str = "demo-key_01"
    secret: bytes = b"not-a-real-secret-0123456789abcd"
    nonce: str = "bm9uY2UtMTgtYnl0ZXMtYWJj"
    created_s: int = NOW_S
    expires_s: int = NOW_S + 30
    covered: tuple[str, ...] = COVERED
    more: tuple[tuple[str, str], ...] = ()  # headers besides
    parameters: str | None = None
    label: str = "sig1"

    def but(self, **changes: object) -> Self:
        return replace(self, **changes)

    @property
    def identity(self) -> tuple[tuple[str, str], ...]:
        return (
            ("Host", self.authority),
            ("Audiohook-Organization-Id", self.organization),
            ("Audiohook-Session-Id", self.session),
            ("Audiohook-Correlation-Id", self.correlation),
            ("X-API-KEY", self.api_key),
            *self.more,
        )

    @property
    def input(self) -> str:
        """What follows the label in Signature-Input."""
        usual = (
            f';keyid="{self.api_key}";nonce="{self.nonce}";alg="hmac-sha256"'
            f";created={self.created_s};expires={self.expires_s}"
        )
        names = " ".join(f'"{name}"' for name in self.covered)
        return f"({names}){usual if self.parameters is None else self.parameters}"

    @property
    def base(self) -> str:
        values = {name.lower(): value for name, value in self.identity}
        values |= {"@request-target": self.target, "@authority": self.authority}
        lines = [f'"{name}": {values[name]}' for name in self.covered]
        return "\n".join([*lines, f'"@signature-params": {self.input}'])

    @property
    def mac(self) -> bytes:
        return hmac.digest(self.secret, self.base.encode(), "sha256")

    def upgrade(self, mac: bytes | None = None) -> Upgrade:
        """Signed; with another MAC where one is given."""
        signature = base64.b64encode(self.mac if mac is None else mac).decode()
        return self.with_signature(f"{self.label}={self.input}", f"{self.label}=:{signature}:")

    def with_signature(self, signature_input: str, signature: str) -> Upgrade:
        signed = (("Signature-Input", signature_input), ("Signature", signature))
        return Upgrade(self.target, self.authority, (*self.identity, *signed))

    def unsigned(self) -> Upgrade:
        return Upgrade(self.target, self.authority, self.identity)


# The example of the official documentation.
DOCUMENTED = Client(
    target="/api/v1/voicebiometrics/ws",
    authority="audiohook.example.com",
    organization="d7934305-0972-4844-938e-9060eef73d05",
    session="30b0e395-84d3-4570-ac13-9a62d8f514c0",
    correlation="e160e428-53e2-487c-977d-96989bf5c99d",
    api_key="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh",
    nonce="VGhpc0lzQVVuaXF1ZU5vbmNl",
    created_s=1641013200,
    expires_s=3282026430,
)
