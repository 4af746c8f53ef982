"""The fleet: which Redis its nodes share, what this node is called in it, and for how long it may act unseen."""

import re
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from engine.options.base import Name, Options

NodeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
_PATH = {"redis": r"(/\d{0,4})?", "rediss": r"(/\d{0,4})?", "unix": r"/.+"}
_ALLOWED = (
    "redis://HOST:PORT/DB, rediss://… with TLS, or unix:///PATH; a password may stand before the host (:PASSWORD@)"
)


def _is_redis(url: SecretStr) -> SecretStr:
    """Refuse what leads to no Redis; the text is a secret and stands in no message, only which part of it is wrong."""
    if fault := _fault_of(url.get_secret_value()):
        raise ValueError(f"must be an address of a Redis, and {fault}: {_ALLOWED}")
    return url


def _fault_of(text: str) -> str | None:
    """The first part of it that is wrong."""
    if re.search(r"\s", text):
        return "there is a space in it"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "the host is none"
    if parts.scheme not in _PATH or "://" not in text:
        return "it does not begin with redis://, rediss:// or unix://"
    if parts.fragment:
        return "there is a # in it (in a password: %23)"
    return _fault_of_place(parts)


def _fault_of_place(parts: SplitResult) -> str | None:
    by_file = parts.scheme == "unix"
    if not by_file and not parts.hostname:
        return "the host is missing"
    try:
        port = parts.port
    except ValueError:
        return "the port is not a number from 1 to 65535"
    if port == 0:
        return "the port is not a number from 1 to 65535"
    if not re.fullmatch(_PATH[parts.scheme], parts.path):
        return (
            "the path of the socket's file is missing"
            if by_file
            else "what follows the port is not a database's number"
        )
    return None


RedisUrl = Annotated[SecretStr, AfterValidator(_is_redis)]


class FleetOptions(Options):
    """Several Cuelines that share calls over one Redis (or Valkey); needs the extra `fleet`. Without an address this is alone."""

    redis_url: RedisUrl | None = Field(
        None,
        description="The Redis that all nodes share: redis://, rediss:// (TLS) or unix://; with it this is a node.",
    )
    redis_password: SecretStr | None = Field(
        None, min_length=1, description="Its password, where the address has none."
    )
    name: Name = Field("default", description="The fleet's name: fleets of different names on one Redis share nothing.")
    node: NodeName = Field("node", description="What people call this node; two may have one name.")
    lease_s: float = Field(
        10.0, ge=1, le=300, description="A node that is not heard of for so long has lost its calls to others."
    )
    max_calls: int | None = Field(
        None, ge=1, description="Calls of the fleet at once here; without it what the shards take."
    )
    without_redis: Literal["refuse", "alone"] = Field(
        "refuse", description="Redis can't be reached at the start: don't start, or run without a fleet."
    )
    offers_max: int = Field(
        100_000, ge=1, le=10_000_000, description="Calls that may wait or be followed, all nodes together."
    )
    hand_over_above: float = Field(
        0.9, gt=0, le=1, description="Share of the shards' limit that, held for 10 s, makes a node hand calls over."
    )
    effects_kept_s: float = Field(
        3600.0,
        ge=60,
        le=604_800,
        description="Redis remembers what a call's rules did for so long after the last of it.",
    )

    @property
    def configured(self) -> bool:
        """Whether this is a node of a fleet."""
        return self.redis_url is not None

    @property
    def prefix(self) -> str:
        """What all keys of the fleet begin with: a hash tag, so that a cluster keeps them in one slot."""
        return f"{{cueline:{self.name}}}:"
