"""Why an upgrade is refused: one table of reasons, each with its HTTP status and a line for our own log.

400 is for requests that no integration of Genesys sends, 401 for all that concerns keys and signatures. The peer gets the status
alone: a line that told it more would help whoever guesses. The reasons label a metric, so the set is closed.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from engine.errors import UpgradeRefusedError

AuthFault = Literal[
    "header_missing",
    "header_repeated",
    "header_malformed",
    "key_missing",
    "key_unknown",
    "unsigned",
    "half_signed",
    "no_secret",
    "signature_malformed",
    "components",
    "parameters",
    "nonce_short",
    "key_differs",
    "algorithm",
    "signature_wrong",
    "too_early",
    "too_late",
    "organization",
    "replayed",
]
AUTH_FAULTS: tuple[AuthFault, ...] = get_args(AuthFault)

_SAYS: Mapping[AuthFault, tuple[int, str]] = {
    "header_missing": (400, "an Audiohook-* header is missing; the peer is no AudioHook client"),
    "header_repeated": (400, "a header that counts came more than once; a proxy in front may add it"),
    "header_malformed": (400, "an Audiohook-* header is no UUID"),
    "key_missing": (401, "there is no X-API-KEY; a proxy in front may drop it"),
    "key_unknown": (401, "the API key is none of audiohook.keys"),
    "unsigned": (401, "the request is not signed, and its key has a client_secret here; set the same one in Genesys Cloud"),
    "half_signed": (401, "Signature-Input and Signature go together, and one of them is missing"),
    "no_secret": (401, "the request is signed, and its key has no client_secret here; set the one of Genesys Cloud"),
    "signature_malformed": (401, "Signature-Input or Signature is not in the canonical form of a structured field"),
    "components": (401, "the signature does not cover what it has to, or covers what it can't"),
    "parameters": (401, "the signature's parameters are not keyid, nonce, created, expires and perhaps alg"),
    "nonce_short": (401, "the nonce has fewer than 22 characters"),
    "key_differs": (401, "the signature's keyid is not the request's X-API-KEY"),
    "algorithm": (401, "the signature's algorithm is not hmac-sha256"),
    "signature_wrong": (
        401,
        "the signature does not fit: another client_secret, or a proxy changes Host or path (audiohook.authority, .public_path)",
    ),
    "too_early": (401, "the signature was made in the future; one of the clocks is wrong (audiohook.clock_skew_s)"),
    "too_late": (401, "the signature is too old; a clock is wrong or the request was held up (audiohook.signature_age_s)"),
    "organization": (401, "the key belongs to another organization (audiohook.keys.organization_id)"),
    "replayed": (401, "the same signed request came before"),
}  # fmt: skip


def refused(reason: AuthFault) -> UpgradeRefusedError:
    """The error for this reason."""
    status, message = _SAYS[reason]
    return UpgradeRefusedError(reason, message, status=status)
