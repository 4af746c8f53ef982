"""What a stranger asks for when it wants to be an AudioHook client: request, headers, key and signature."""

import base64
import hmac
import re

from engine.errors import UpgradeRefusedError
from engine.genesys.audiohook.auth import Authenticator, Credentials, Upgrade
from engine.genesys.audiohook.nonces import NonceCache
from engine.genesys.audiohook.refusals import AUTH_FAULTS
from tests.fuzz.target import Target
from tests.support.audiohook_upgrade import NOW_S, Client

CLIENT = Client()
KEYS = (Credentials(CLIENT.api_key, CLIENT.secret), Credentials("open", b""))
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
COMPONENTS = re.escape(CLIENT.input.partition(")")[0] + ")")
PARAMETER = (
    rf';(keyid="{CLIENT.api_key}"|nonce="([ !#-\[\]-~]|\\["\\]){{22,}}"|alg="hmac-sha256"|created=\d+|expires=\d+)'
)
CANONICAL = re.compile(rf"[a-z*][a-z0-9_.*-]*={COMPONENTS}({PARAMETER}){{4,5}}(, .*)?", re.DOTALL)


def upgrades(data: bytes) -> None:
    """First byte: 1 for a Signature-Input that is signed here with the right secret; else the request's lines.

    What is let in is what was signed, in its one form, or has a key without a secret.
    """
    if data[:1] == b"\1":
        _signed(data[1:].decode("latin-1"))
    else:
        target, authority, *lines = (*data[1:].decode("latin-1").split("\n"), "", "")
        headers = tuple((name, value) for name, colon, value in (line.partition(":") for line in lines) if colon)
        _whole(Upgrade(target, authority, headers))


def _check(upgrade: Upgrade) -> None:
    try:
        identity = Authenticator(KEYS, 10, 3, NonceCache(16)).check(upgrade, NOW_S)
    except UpgradeRefusedError as error:
        _refused_as_promised(error)
        raise
    assert all(map(UUID.fullmatch, (identity.organization_id, identity.session_id, identity.correlation_id)))
    assert 0 <= identity.retry_attempt < 10_000


def _refused_as_promised(error: UpgradeRefusedError) -> None:
    assert error.reason in AUTH_FAULTS
    assert error.status in (400, 401)
    assert CLIENT.api_key not in str(error)


def _whole(upgrade: Upgrade) -> None:
    _check(upgrade)
    headers = {name.lower(): value.strip() for name, value in upgrade.headers}
    if headers["x-api-key"] == "open":
        assert "signature" not in headers
        return
    genuine = CLIENT.upgrade()
    assert (upgrade.target, upgrade.authority.lower()) == (genuine.target, genuine.authority)
    assert all(headers[name.lower()] == value for name, value in genuine.headers if name != "Host")


def _signed(signature_input: str) -> None:
    label, _, line = signature_input.partition("=")
    base = CLIENT.base.rpartition('"@signature-params": ')[0] + f'"@signature-params": {line}'
    mac = base64.b64encode(hmac.digest(CLIENT.secret, base.encode("utf-8", "surrogateescape"), "sha256")).decode()
    _check(CLIENT.with_signature(signature_input, f"{label}=:{mac}:"))
    assert CANONICAL.fullmatch(signature_input.strip(" \t"))


def _lines(upgrade: Upgrade) -> bytes:
    headers = (f"{name}: {value}" for name, value in upgrade.headers)
    return "\n".join(["\0" + upgrade.target, upgrade.authority, *headers]).encode()


TARGETS = (
    Target(
        *("audiohook-auth", "who wants to be an AudioHook client: headers, key, signature", upgrades),
        (UpgradeRefusedError,),
        seeds=(
            _lines(CLIENT.upgrade()),
            _lines(CLIENT.but(api_key="open").unsigned()),
            _lines(CLIENT.but(api_key="nobodys").upgrade()),
            b"\1" + f"sig1={CLIENT.input}".encode(),
            b"\1" + f'x={CLIENT.input}, y=("a";sf);b=?1;c=:QQ==:;d=1.5;e=t'.encode(),
        ),
        words=(
            *(b'"x-api-key"', b'"@authority"', b'"@signature-params"', b";sf", b";created=", b";expires=", b";alg="),
            *(b';nonce="', b'\\"', b"Signature: sig1=:", b":QQ==:", b"?1", b"@1", b'%"a%20"', b"\r\n ", b", "),
        ),
        weight=2,
        most_bytes=2048,
    ),
)
