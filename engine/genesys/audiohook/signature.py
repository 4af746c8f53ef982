"""A request's signature as AudioHook has it (HTTP Message Signatures, draft 11): read it, and say what it was made over. Pure.

Of several labels the first in Signature-Input counts. Only the canonical form of a structured field is taken: what is read,
written again, has to be what came. So there is one reading, and the parameters' line of the signature base is the peer's own
text. Every fault here is the same for known and for unknown keys: nothing of a secret is looked at.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from http_sf import parse, ser
from http_sf.types import BareItemType, DictionaryType, ItemType

from engine.genesys.audiohook.refusals import refused

COVERED = frozenset(
    {
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    }
)
ALGORITHM = "hmac-sha256"
NONCE_LEAST = 22  # characters of base64 that hold 128 bits
FIELD_MOST = 2048  # characters; Genesys' have about 300, and a stranger's cost up to a microsecond each
OBS_FOLD = re.compile(r"[ \t]*\r\n[ \t]+")

Headers = Mapping[str, Sequence[str]]  # lower-case name → the values of each, in order


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the signer says of it; times are seconds since 1970."""

    keyid: str
    nonce: str
    algorithm: str
    created_s: int
    expires_s: int


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. `line` is the canonical text of its components and parameters, `mac` of any length."""

    components: tuple[str, ...]
    parameters: Parameters
    line: str
    mac: bytes


def read(signature_input: str, signature: str) -> Signature:
    """Read the two headers' values. UpgradeRefusedError where they break a rule of form."""
    asked, given = _dictionary(signature_input), _dictionary(signature)
    label, member = next(iter(asked.items()))
    match member, given.get(label):
        case (list(items), dict(parameters)), (bytes(mac), {**rest}) if not rest:
            return Signature(_components(items), _parameters(parameters), ser([member]), mac)
    raise refused("signature_malformed")


def base_of(signature: Signature, target: str, authority: str, headers: Headers) -> bytes:
    """What the MAC is made over: a line for each component, then the parameters; no newline at the end.

    `target` is path and query as the peer asked for them, `authority` its Host in lower case without a default port.
    UpgradeRefusedError where a component has no value, or one that could pass for more than one line.
    """
    derived = {"@request-target": target, "@authority": authority}
    lines = [f"{ser(name)}: {_value(name, derived, headers)}" for name in signature.components]
    return "\n".join([*lines, f'"@signature-params": {signature.line}']).encode()


def value_of(text: str) -> str:
    """A header's value as it is signed: trimmed, folded lines as one."""
    return OBS_FOLD.sub(" ", text).strip(" \t")


def _dictionary(text: str) -> DictionaryType:
    """A dictionary of one member or more, in canonical form."""
    try:
        found = cast("DictionaryType", parse(text[:FIELD_MOST].encode(), tltype="dictionary"))
        if ser(found) == text:
            return found
    except ValueError:  # the library's own, and of a dictionary without members
        pass
    raise refused("signature_malformed")


def _components(items: Sequence[ItemType]) -> tuple[str, ...]:
    names = tuple(name for item in items if (name := _plain_name(item)) is not None)
    if len(names) < len(items) or len(set(names)) < len(names) or not set(names) >= COVERED:
        raise refused("components")
    return names


def _plain_name(item: ItemType) -> str | None:
    """The name of a component without parameters; None for all else."""
    match item:
        case (str(name), {**rest}) if not rest:
            return name
    return None


def _parameters(found: Mapping[str, BareItemType]) -> Parameters:
    match {"alg": ALGORITHM, **found}:
        case {
            "keyid": str(keyid),
            "nonce": str(nonce),
            "alg": str(algorithm),
            "created": int(created_s),
            "expires": int(expires_s),
            **rest,
        } if not rest and _is_time(created_s) and _is_time(expires_s):
            return Parameters(keyid, nonce, algorithm, created_s, expires_s)
    raise refused("parameters")


def _is_time(value: int) -> bool:
    """Whether it is a number of seconds; True and False are none, though Python has them for integers."""
    return type(value) is int and value >= 0


def _value(name: str, derived: Mapping[str, str], headers: Headers) -> str:
    """A component's value. A header that came several times is joined; those that have to be covered come once."""
    value = derived.get(name)
    if value is None:
        if name not in headers:  # other derived components, too
            raise refused("components")
        value = ", ".join(map(value_of, headers[name]))
    if not (value.isascii() and value.isprintable()):
        raise refused("components")
    return value
