"""A service manager as far as a service sees it: the datagram socket of sd_notify."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4


class Manager:
    """`name` is what stands in NOTIFY_SOCKET."""

    def __init__(self, name: str, listening: socket.socket) -> None:
        self.name = name
        self.seen: list[str] = []
        self._socket = listening

    def messages(self) -> list[str]:
        """What came since the last look."""
        new = []
        with contextlib.suppress(BlockingIOError):
            while True:
                new.append(self._socket.recv(4096).decode())
        self.seen += new
        return new

    def count(self, message: str) -> int:
        """How often exactly that has come so far."""
        self.messages()
        return self.seen.count(message)

    def lines(self, name: str) -> list[str]:
        """All values of that name so far."""
        self.messages()
        pairs = [line.partition("=") for message in self.seen for line in message.splitlines()]
        return [value for key, _, value in pairs if key == name]


@contextlib.contextmanager
def manager(folder: Path, *, abstract: bool = False) -> Iterator[Manager]:
    """Listens while the block runs."""
    name = f"@cueline-test-{uuid4().hex}" if abstract else str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as listening:
        listening.bind("\0" + name[1:] if abstract else name)
        listening.setblocking(False)
        yield Manager(name, listening)
