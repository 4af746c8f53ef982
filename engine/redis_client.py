"""The one home of the library `redis`: a client whose every command has a deadline, and whose only error is FleetError.

Replies come as Redis sent them (bytes, numbers, lists, None): the library's own shapes are switched off. Nothing is sent
twice: a connection that was cut while idle is opened anew before a command, one that is cut during it is an error, for the
caller to judge. Messages name host and port, or the socket's path, never the rest of the address.
"""

import asyncio
import errno
import hashlib
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from engine.errors import ConfigError, FleetError

MISSING = "needs the library `redis`, which is not installed: pip install 'cueline[fleet]'"
CONNECTIONS = 4
TIMEOUT_S = 5.0

# The first word of an error, or a word in it where a script was stopped by it → kind, and what to do.
_ANSWERS: dict[str, tuple[str, str]] = {
    "NOAUTH": ("refused", "it wants a password: set CUELINE_REDIS_PASSWORD, or put it into the address"),
    "WRONGPASS": ("refused", "user or password are wrong"),
    "NOPERM": ("refused", "the user lacks rights; it needs all commands on the fleet's keys (docs/fleet.md)"),
    "DENIED": ("refused", "it is in protected mode: give it a password, or let it listen on a private address"),
    "READONLY": ("readonly", "it is a replica, or was made one: give the primary's address"),
    "NOREPLICAS": ("readonly", "it takes no writes while it has too few replicas"),
    "OOM": ("full", "it is out of memory: raise maxmemory, or find what fills it"),
    "MISCONF": ("full", "it can't save to its disk and takes no writes: see its log"),
    "LOADING": ("unreachable", "it is still loading its data"),
    "MASTERDOWN": ("unreachable", "it is a replica that has lost its primary"),
    "BUSY ": ("unreachable", "a script of somebody's runs for too long"),
    "MOVED": ("protocol", "it is part of a cluster and the fleet's keys are elsewhere: give that node's address"),
    "CROSSSLOT": ("protocol", "it is part of a cluster; use one that is not"),
    "unknown command": ("old", "it lacks a command that is needed: Redis 6.2 or newer, or Valkey"),
}
_OTHERS = "see docs/fleet.md"
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (  # the first that fits
    (ssl.SSLCertVerificationError, "certificate not accepted"),
    (ssl.SSLError, "no TLS handshake: rediss:// is for a port with TLS"),
    (socket.gaierror, "name not resolved"),
    (TimeoutError, "timed out: is the way to it open?"),
    (ConnectionRefusedError, "connection refused: is it running there?"),
    (FileNotFoundError, "no such socket file: is it running there?"),
)
_WHERE = "the address is CUELINE_REDIS_URL's, or the sink's"


class Script:
    """A Lua script: sent whole once, then by its hash."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self.sha = hashlib.sha1(self.text).hexdigest()  # noqa: S324 - Redis' own name for it


class RedisClient:
    """Commands and scripts, each within `timeout_s`. Made by `open_redis`; to be closed."""

    def __init__(self, library: Any, where: str, timeout_s: float) -> None:
        self.where = where
        self._library = library
        self._timeout_s = timeout_s

    async def run(self, *command: Any, wait_s: float = 0.0) -> Any:
        """One command's reply. `wait_s` is what Redis may take beyond the deadline (BLOCK). FleetError."""
        async with self._told(wait_s):
            return await self._library.execute_command(*command)

    async def script(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """One script's reply; a Redis that does not know it (any more) gets it. FleetError."""
        from redis.exceptions import NoScriptError  # noqa: PLC0415 - see open_redis

        parts = (len(keys), *keys, *arguments)
        async with self._told():
            try:
                return await self._library.execute_command("EVALSHA", script.sha, *parts)
            except NoScriptError:  # nothing of it was done
                return await self._library.execute_command("EVAL", script.text, *parts)

    async def close(self) -> None:
        """Close all connections."""
        await self._library.aclose()

    @asynccontextmanager
    async def _told(self, wait_s: float = 0.0) -> AsyncIterator[None]:
        from redis import exceptions  # noqa: PLC0415 - see open_redis

        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.timeout(self._timeout_s + wait_s):
                asked = task.cancelling()
                yield
                if task.cancelling() > asked:  # the library has swallowed it
                    raise asyncio.CancelledError
        except exceptions.RedisError as error:
            raise self._fault(error) from error
        except (OSError, TimeoutError) as error:
            said = f"no answer in {self._timeout_s:.2g} s" if isinstance(error, TimeoutError) else _cause(error)
            raise self._away(said) from error

    def _away(self, cause: str) -> FleetError:
        return FleetError(f"Redis at {self.where} can't be reached ({cause}); {_WHERE}", "unreachable")

    def _fault(self, error: Exception) -> FleetError:
        """What the library said, as kind and advice. The library's text is not passed on where it may hold the address."""
        from redis import exceptions  # noqa: PLC0415 - see open_redis

        text = f"{getattr(error, 'status_code', None) or ''} {error}".strip()
        for word, (kind, advice) in _ANSWERS.items():
            if re.search(rf"\b{word}\b", text):
                return FleetError(f"Redis at {self.where}: {advice} ({word})", kind)
        for kind_of_error, word in (
            (exceptions.AuthorizationError, "NOPERM"),
            (exceptions.NoPermissionError, "NOPERM"),
            (exceptions.AuthenticationError, "WRONGPASS"),
            (exceptions.BusyLoadingError, "LOADING"),
            (exceptions.ReadOnlyError, "READONLY"),
            (exceptions.OutOfMemoryError, "OOM"),
        ):  # the library takes the first word away where it has a class for it
            if isinstance(error, kind_of_error):
                kind, advice = _ANSWERS[word]
                return FleetError(f"Redis at {self.where}: {advice} ({word})", kind)
        if isinstance(error, (exceptions.ConnectionError, exceptions.TimeoutError)):
            return self._away(_cause(error))
        return FleetError(f"Redis at {self.where} answered: {text[:200]}; {_OTHERS}", "protocol")


def open_redis(
    url: SecretStr, password: SecretStr | None = None, timeout_s: float = TIMEOUT_S, connections: int = CONNECTIONS
) -> RedisClient:
    """A client, not yet connected. ConfigError where the extra is missing or the address leads nowhere."""
    try:  # only who has a fleet has the library
        from redis import asyncio as library  # noqa: PLC0415
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError([f"fleet.redis_url: {MISSING}"]) from error
    address = url.get_secret_value()
    settings: dict[str, Any] = {"protocol": 2, "retry": Retry(NoBackoff(), 0), "max_connections": connections}
    if password is not None and urlsplit(address).password is None:
        settings["password"] = password.get_secret_value()
    try:
        pool = library.BlockingConnectionPool.from_url(address, timeout=None, **settings)
    except ValueError as error:
        raise ConfigError(["fleet.redis_url = ***: is no address of a Redis that the library takes"]) from error
    client = library.Redis.from_pool(pool)
    client.response_callbacks.clear()
    return RedisClient(client, place(address), timeout_s)


def place(url: str) -> str:
    """What messages call it: host and port, or the socket's path."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def _cause(error: BaseException) -> str:
    """Why there is no connection, in the system's words, without the address; the library keeps the system's error below its own."""
    below = error
    while not isinstance(below, OSError) and (next_below := below.__cause__ or below.__context__):
        below = next_below
    for kind, words in _CAUSES:
        if isinstance(below, kind):
            return words
    if not isinstance(below, OSError):
        return "timed out" if type(error).__name__ == "TimeoutError" else "connection closed"
    numbers = [below.errno] if below.errno else [int(each) for each in re.findall(r"\[Errno (\d+)\]", str(below))]
    if not numbers:
        return "no connection"
    if numbers[-1] == errno.ECONNREFUSED:  # of several addresses
        return dict(_CAUSES)[ConnectionRefusedError]
    return os.strerror(numbers[-1]).lower()
