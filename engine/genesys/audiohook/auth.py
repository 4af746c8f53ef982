"""Who may open an AudioHook session: headers, API key, signature, clock, organization and replay, in this order. Pure.

A stranger learns nothing: every refusal for a key's or a signature's sake is the same 401, and an unknown key costs what a known
one does, since its signature is checked with a key that nobody has. (That all refusals take the same time is the server's part:
it holds each back until a fixed time after the connection.) Nothing is said of a key, a nonce or a MAC anywhere.

A request without a signature is taken only where the key is known and has no secret. One with a signature for such a key is
refused: anybody could have made it, and Genesys Cloud has a secret then that we should have.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from engine.genesys.audiohook.ids import UUID
from engine.genesys.audiohook.nonces import NonceCache
from engine.genesys.audiohook.refusals import refused
from engine.genesys.audiohook.signature import ALGORITHM, NONCE_LEAST, Headers, Signature, base_of, read, value_of
from engine.options import AudioHookKey, AudioHookOptions

ORGANIZATION, SESSION, CORRELATION = (f"audiohook-{name}-id" for name in ("organization", "session", "correlation"))
API_KEY, SIGNATURE_INPUT, SIGNATURE = "x-api-key", "signature-input", "signature"
ONCE = ("host", ORGANIZATION, SESSION, CORRELATION, API_KEY, SIGNATURE_INPUT, SIGNATURE)
RETRY_ATTEMPT = "audiohook-retry-attempt"
NOBODYS = bytes(32)  # the secret where there is none: a signature is checked with it, and refused whatever comes of it
ATTEMPT = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A request for a WebSocket, as the peer sent it before any proxy: `target` is path and query, `authority` its Host.

    `headers` are those that came, in order, repeated ones too.
    """

    target: str
    authority: str
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An integration's key, its decoded secret (b"": requests are not signed), and the only organization that may use it."""

    api_key: str = field(repr=False)
    secret: bytes = field(repr=False)
    organization_id: str | None = None

    @classmethod
    def of(cls, key: AudioHookKey) -> Self:
        """As they were configured; the secret's padding may be missing."""
        text = key.client_secret.get_secret_value()
        organization = key.organization_id.lower() if key.organization_id else None
        return cls(key.api_key.get_secret_value(), secret_of(text), organization)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who connected; ids in lower case. `retry_attempt` is not signed: for logs only, 0 where it is missing or no number."""

    organization_id: str
    session_id: str
    correlation_id: str
    retry_attempt: int


class Authenticator:
    """Takes each good request once. Its clock is the wall's, in seconds since 1970."""

    def __init__(
        self, keys: Iterable[Credentials], signature_age_s: float, clock_skew_s: float, nonces: NonceCache
    ) -> None:
        """`nonces` has to keep them for `signature_age_s` and twice `clock_skew_s`."""
        self._keys = {_digest(key.api_key): key for key in keys}
        self._age_s = signature_age_s
        self._skew_s = clock_skew_s
        self._nonces = nonces

    @classmethod
    def of(cls, options: AudioHookOptions) -> Self:
        """As configured, with a cache of its own."""
        keys = map(Credentials.of, options.keys)
        keep_s = options.signature_age_s + 2 * options.clock_skew_s
        return cls(keys, options.signature_age_s, options.clock_skew_s, NonceCache(keep_s))

    def check(self, upgrade: Upgrade, now_s: float) -> Identity:
        """Who it is. UpgradeRefusedError, with nothing remembered, where one thing is not as it has to be."""
        headers = _by_name(upgrade.headers)
        for name in ONCE:
            if len(headers.get(name, ())) > 1:
                raise refused("header_repeated")
        identity = _identity(headers)
        if API_KEY not in headers:
            raise refused("key_missing")
        api_key = value_of(headers[API_KEY][0])
        key = self._keys.get(_digest(api_key))
        signature = self._verified(upgrade, headers, api_key, key)
        if key is not None and key.organization_id not in (None, identity.organization_id):
            raise refused("organization")
        if signature is not None and not self._used_first(signature, now_s):
            raise refused("replayed")
        return identity

    def _verified(self, upgrade: Upgrade, headers: Headers, api_key: str, key: Credentials | None) -> Signature | None:
        """The signature, its MAC found right; None where there is none and needs to be none."""
        match headers:
            case {"signature-input": [signature_input], "signature": [signature]}:
                found = read(value_of(signature_input), value_of(signature))
            case {"signature-input": _} | {"signature": _}:
                raise refused("half_signed")
            case _:
                _may_be_unsigned(key)
                return None
        base = base_of(found, upgrade.target, upgrade.authority.lower(), headers)
        secret = NOBODYS if key is None else key.secret
        fits = hmac.compare_digest(hmac.digest(secret, base, hashlib.sha256), found.mac)
        if key is None:
            raise refused("key_unknown")
        if not key.secret:
            raise refused("no_secret")
        if found.parameters.keyid != api_key:
            raise refused("key_differs")
        if found.parameters.algorithm != ALGORITHM:
            raise refused("algorithm")
        if not fits:
            raise refused("signature_wrong")
        return found

    def _used_first(self, signature: Signature, now_s: float) -> bool:
        """Whether a right signature is of this time and came never before; its nonce is used up then."""
        said = signature.parameters
        if len(said.nonce) < NONCE_LEAST:
            raise refused("nonce_short")
        if said.created_s > now_s + self._skew_s:
            raise refused("too_early")
        if min(said.created_s + self._age_s, said.expires_s) < now_s - self._skew_s:
            raise refused("too_late")
        return self._nonces.take(said.keyid, said.nonce, said.created_s, now_s)


def authority_of(host: str, *, secure: bool) -> str:
    """A Host header as clients sign it: in lower case, without the port that the scheme has by itself."""
    return value_of(host).lower().removesuffix(":443" if secure else ":80")


def secret_of(text: str) -> bytes:
    """A client secret's bytes; base64 in the standard alphabet, whose padding may be missing."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def _may_be_unsigned(key: Credentials | None) -> None:
    if key is None:
        raise refused("key_unknown")
    if key.secret:
        raise refused("unsigned")


def _by_name(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def _identity(headers: Headers) -> Identity:
    organization, session, correlation = (_uuid(headers, name) for name in (ORGANIZATION, SESSION, CORRELATION))
    attempts = headers.get(RETRY_ATTEMPT, ())
    attempt = value_of(attempts[0]) if len(attempts) == 1 else ""
    return Identity(organization, session, correlation, int(attempt) if ATTEMPT.fullmatch(attempt) else 0)


def _uuid(headers: Headers, name: str) -> str:
    if name not in headers:
        raise refused("header_missing")
    text = value_of(headers[name][0])
    if not UUID.fullmatch(text):
        raise refused("header_malformed")
    return text.lower()


def _digest(api_key: str) -> bytes:
    """What keys are looked up by, so that the time of it tells nothing of them."""
    return hashlib.sha256(api_key.encode("utf-8", "surrogatepass")).digest()
