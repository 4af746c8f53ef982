"""Headers of a signed webhook, as Standard Webhooks 1.0 defines them. Pure: the time comes as a number."""

import base64
import hashlib
import hmac

CONTENT_TYPE = "application/cloudevents+json"
SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret


def signed_headers(key: bytes | None, message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Headers of one attempt (Standard Webhooks 1.0); without a key there is no signature."""
    headers = {"Content-Type": CONTENT_TYPE, "webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if key is not None:
        signed = f"{message_id}.{timestamp_s}.".encode() + body
        signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        headers["webhook-signature"] = f"v1,{signature}"
    return headers


def signing_key(secret: str) -> bytes:
    """`whsec_` and base64 (padding optional), or the text itself. ValueError when that leaves no key."""
    if secret.startswith(SECRET_PREFIX):
        text = secret.removeprefix(SECRET_PREFIX).rstrip("=")
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    else:
        key = secret.encode()
    if not key:
        raise ValueError("empty key")
    return key
