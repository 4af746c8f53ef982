"""A real redis-server: a process of its own on a free port (or a Unix socket), with its data in a folder that goes.

`Redis` starts, kills, stops and restarts it; after a restart it has the same address, and with AOF the same data. Ends with
the block or the fixture. It keeps nothing on disk unless `aof=True` (then every write is flushed: what was answered is kept).
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from engine.redis_client import RedisClient, open_redis
from tests.support.programs import program

START_S = 30.0


@dataclass
class Redis:
    """One server and what it was given. `options` are lines of redis.conf: {"maxmemory": "2mb"}."""

    folder: Path
    aof: bool = False
    password: str | None = None
    unix: bool = False
    options: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address, password included."""
        secret = f":{self.password}@" if self.password else ""
        return f"unix://{secret}{self.path}" if self.unix else f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def path(self) -> Path:
        return self.folder / "redis.sock"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and return when it takes commands."""
        self.port = self.port or _free_port()
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._answers()

    def kill(self) -> None:
        """-9: what it had not written is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Kill it where it runs, start it again at the same address."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """It keeps its connections and answers nothing, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def ask(self, *command: str) -> str:
        """A command in plain words on a connection of its own; the first line of the reply, without its kind."""
        with self._connected() as line:
            if self.password:
                _said(line, "AUTH", self.password)
            return _said(line, *command)

    def client(self, timeout_s: float = 5.0, connections: int = 4) -> RedisClient:
        """A client of the engine's; close it."""
        return open_redis(SecretStr(self.url), None, timeout_s, connections)

    def _command(self) -> list[str]:
        listen = ["--port", "0", "--unixsocket", str(self.path)] if self.unix else ["--port", str(self.port)]
        kept = ["--appendonly", "yes", "--appendfsync", "always"] if self.aof else ["--appendonly", "no"]
        secret = ["--requirepass", self.password] if self.password else []
        more = [part for name, value in self.options.items() for part in (f"--{name}", *value.split())]
        return [
            *(program("redis-server"), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""),
            *(*listen, *kept, *secret, *more),
        ]

    def _answers(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "redis.log").read_text()
            try:
                if self.ask("PING") in ("PONG", "NOAUTH Authentication required."):
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, (self.folder / "redis.log").read_text()
            time.sleep(0.01)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        if self.process is not None:
            self.process.wait(START_S)

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        kind = socket.AF_UNIX if self.unix else socket.AF_INET
        with socket.socket(kind, socket.SOCK_STREAM) as line:
            line.settimeout(5)
            line.connect(str(self.path) if self.unix else ("127.0.0.1", self.port))
            yield line


def _said(line: socket.socket, *command: str) -> str:
    parts = [part.encode() for part in command]
    line.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
    with line.makefile("rb") as answer:
        first = answer.readline()
        if first.startswith(b"$") and first != b"$-1\r\n":
            return answer.read(int(first[1:])).decode()
        return first[1:].decode().rstrip("\r\n")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def redis_server(folder: Path, **settings: object) -> Iterator[Redis]:
    """Started, and killed with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    it = Redis(folder, **settings)  # type: ignore[arg-type]
    try:
        it.start()
        yield it
    finally:
        it.kill()


@pytest.fixture(name="redis")
def redis_fixture(tmp_path: Path) -> Iterator[Redis]:
    """A fresh one for this test. `from tests.support.redis_server import redis_fixture  # noqa: F401` makes it known."""
    with redis_server(tmp_path / "redis") as it:
        yield it
