"""What the doctor asks of Genesys Cloud: whether a token is given, whose it is, and whether its scopes are enough.

A token of the client credentials grant is limited by the client's role; scopes are told by some organisations only. So scopes
that are missing are a warning, and no scopes at all say nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from engine.doctor_checks import Check
from engine.errors import PlatformError
from engine.options import GenesysOptions, SinkOptions, public_url

TOKEN_TIMEOUT_S = 20.0
ALL_OF_IT = frozenset({"conversation", "conversations"})
WATCHING = ALL_OF_IT | {"conversation:view", "conversation:readonly", "conversations:readonly", "interaction:read"}
ACTING = ALL_OF_IT | {"conversation:call"}


class Account(Protocol):
    """What the platform tells of a token."""

    @property
    def organization(self) -> str:
        """Its name; "" where it is not told."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """None where they are not told."""
        ...


ObtainToken = Callable[[GenesysOptions], Awaitable[Account | None]]  # None: nothing is told; raises PlatformError


async def check_credentials(
    genesys: GenesysOptions, sinks: Collection[SinkOptions], obtain_token: ObtainToken | None
) -> Check:
    """Whether a token can be had with them, and what it is good for."""
    if genesys.credentials is None:
        return Check("credentials", "ok", "not set, not needed: calls come by AudioHook, and no sink acts on them")
    where = public_url(genesys.login_url)
    if obtain_token is None:
        return Check("credentials", "ok", f"set for {where}, not tried")
    try:
        async with asyncio.timeout(TOKEN_TIMEOUT_S):
            account = await obtain_token(genesys)
    except TimeoutError:
        return Check("credentials", "fail", f"no answer from {where}", "check the address, proxy and firewall")
    except PlatformError as error:
        advice = (
            "check GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET and GENESYS_REGION; the client needs client credentials"
        )
        return Check("credentials", "fail", str(error), advice)
    return judge_account(account, where, acts=any(sink.type.startswith("genesys.") for sink in sinks))


def judge_account(account: Account | None, where: str, *, acts: bool) -> Check:
    """Whether the token's scopes, where they are told, are those that are needed."""
    found = f"a token was given by {where}"
    if account is None:
        return Check("credentials", "ok", found)
    if account.organization:
        found += f", for {account.organization}"
    if not account.scopes:
        return Check("credentials", "ok", f"{found}; it names no scopes: the client's role decides what it may do")
    scopes = frozenset(account.scopes)
    lacking = (
        [] if scopes & WATCHING else ["conversation:view (in some organisations interaction:read), to follow calls"]
    )
    if acts and not scopes & ACTING:
        lacking.append("conversation:call, for the genesys.* sinks")
    found += f"; scopes {', '.join(sorted(scopes))}"
    if lacking:
        return Check("credentials", "warn", found, f"give the OAuth client {' and '.join(lacking)}")
    return Check("credentials", "ok", found)
