"""The upgrade request as Genesys makes it: AudioHook's headers, the API key, and the signature over six of its parts.

HTTP Message Signatures (draft 11) as `specs/audiohook.md` §2 has them, written from the spec and with nothing of the server's.
Pure: time and nonce are passed in. A frozen object, so that a fault is a changed copy.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

USER_AGENT = "GenesysCloud-AudioHook-Client"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What one upgrade request says of itself. `secret` is base64, perhaps without its padding; empty: not signed."""

    target: str  # path and query, as in the request line
    authority: str  # as in Host
    organization_id: str
    session_id: str
    correlation_id: str
    api_key: str
    secret: str
    created: int  # Unix seconds
    nonce: str
    lifetime_s: int = 30
    attempt: int = 0
    alg: str = "hmac-sha256"

    def headers(self) -> list[tuple[str, str]]:
        """All but Host and those of the WebSocket."""
        headers = [
            ("User-Agent", USER_AGENT),
            ("Audiohook-Organization-Id", self.organization_id),
            ("Audiohook-Session-Id", self.session_id),
            ("Audiohook-Correlation-Id", self.correlation_id),
            ("Audiohook-Retry-Attempt", str(self.attempt)),
            ("X-API-KEY", self.api_key),
        ]
        if self.secret:
            signature = base64.b64encode(self.signature()).decode()
            headers += [("Signature-Input", f"sig1={self.params()}"), ("Signature", f"sig1=:{signature}:")]
        return headers

    def signature(self) -> bytes:
        """32 bytes."""
        key = base64.b64decode(self.secret + "=" * (-len(self.secret) % 4))
        return hmac.digest(key, self.base().encode(), hashlib.sha256)

    def params(self) -> str:
        """The covered components with the signature's parameters: the value of `sig1`."""
        names = " ".join(f'"{name}"' for name, _ in self._covered())
        return (
            f'({names});keyid="{self.api_key}";nonce="{self.nonce}";alg="{self.alg}"'
            f";created={self.created};expires={self.created + self.lifetime_s}"
        )

    def base(self) -> str:
        """What is signed: a line for each component, the last for the parameters."""
        lines = [f'"{name}": {value}' for name, value in self._covered()]
        return "\n".join([*lines, f'"@signature-params": {self.params()}'])

    def _covered(self) -> list[tuple[str, str]]:
        return [
            ("@request-target", self.target),
            ("@authority", self.authority),
            ("audiohook-organization-id", self.organization_id),
            ("audiohook-session-id", self.session_id),
            ("audiohook-correlation-id", self.correlation_id),
            ("x-api-key", self.api_key),
        ]
