"""A real Redis (or Valkey) for a play of the fleet, as a process of its own.

It listens on a free port of the loopback, with a password, and keeps an append-only file, so that it can be killed and comes
back with what it knew.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from engine.demo.processes import Child, launch
from engine.errors import DemoError

PROGRAMS = ("redis-server", "valkey-server")
START_S = 20.0
ASK_S = 2.0
TRIES = 3  # ports, should another take the one that was free
WHERE_FROM = "Debian and Ubuntu: `apt install redis-server`; macOS: `brew install redis` or `brew install valkey`"


def redis_program(path: str | None = None) -> str:
    """The server's program on `path` (PATH when None); DemoError says how to get one."""
    for name in PROGRAMS:
        if found := shutil.which(name, path=path):
            return found
    raise DemoError(f"A fleet needs a Redis: neither {' nor '.join(PROGRAMS)} is on PATH. {WHERE_FROM}.")


class RedisProcess:
    """`start` it, harm it, `stop` it. Its files lie in `folder`."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.port = 0
        self._folder = folder
        self._environ = environ
        self._password = secrets.token_hex(16)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """With the password in it: for environments, never for a log or a command line."""
        return self.url_at(self.port)

    def url_at(self, port: int) -> str:
        """The same server by another port of this machine: a proxy's."""
        return f"redis://:{self._password}@127.0.0.1:{port}/0"

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._child is not None, "it has not been started"
        return self._child.pid

    async def start(self) -> None:
        """Start it, with what it knew before; DemoError with its last words where it does not answer."""
        program = redis_program(self._environ.get("PATH"))
        for tries in range(TRIES):
            again = self.port != 0  # clients know the port by now
            self.port = self.port or _free_port()
            try:
                await self._start(program)
            except DemoError:
                await self.stop()
                if again or tries == TRIES - 1:
                    raise
                self.port = 0
            else:
                return

    async def _start(self, program: str) -> None:
        config = self._folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self._password}\ndir {self._folder}\ndaemonize no\n"
            'save ""\nappendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n'
        )
        process = await launch([program, str(config)], self._environ)
        self._child = Child("Redis", process, lambda _event: False)
        try:
            async with asyncio.timeout(START_S):
                while not await self.answers():
                    self._child.check()
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            self._child.check()
            raise DemoError(f"Redis did not answer within {START_S:.0f} s.") from error

    async def answers(self) -> bool:
        """Whether it can be asked now: it has read its file."""
        with contextlib.suppress(OSError, TimeoutError, EOFError):
            async with asyncio.timeout(ASK_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(f"AUTH {self._password}\r\nPING\r\n".encode())
                    return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
                finally:
                    writer.close()
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send it to the server, as SIGSTOP and SIGCONT."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.stop()

    async def restart(self) -> None:
        """Kill it and start it again on its file, at the same address."""
        await self.kill()
        await self.start()

    async def stop(self) -> None:
        """End it, if it runs; what it knew was worth nothing beyond the play."""
        child, self._child = self._child, None
        if child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.stop(asyncio.Event())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
