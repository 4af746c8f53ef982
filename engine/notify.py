"""What the service manager is told: systemd's notification protocol, one datagram of NAME=value lines to $NOTIFY_SOCKET.

READY=1 once the engine is up, WATCHDOG=1 twice per period from the event loop itself, so that a loop which stands still is
found out, STOPPING=1 with how long that may take, STATUS= for people. Without NOTIFY_SOCKET nothing is sent and nothing waits.
A manager that does not take a message harms nothing: no send blocks, and that it failed is said once. The kernel holds some ten
for it: that the engine is ready or stops, where that was not taken, is told again with the next sign of life.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

import structlog

SOCKET, WATCHDOG_US, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
BEATS_PER_PERIOD = 2
STOP_MARGIN_S = 10.0  # from the deadline of a stop to the end of the process, at most

log = structlog.get_logger(__name__)


def address_of(name: str) -> str | None:
    """The socket's address: a path, or `@name` in the abstract namespace; None for what is neither (vsock, blank)."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def watchdog_period_s(environ: Mapping[str, str], pid: int) -> float | None:
    """How long the manager waits for a sign of life; None where it doesn't, or waits for another process's."""
    period_us, watched = environ.get(WATCHDOG_US, ""), environ.get(WATCHDOG_PID, "")
    if not (period_us.isascii() and period_us.isdecimal()) or int(period_us) == 0:
        return None
    return int(period_us) / 1e6 if watched in ("", str(pid)) else None


def status_line(conditions: Mapping[str, bool], conversations: int) -> str:
    """What `systemctl status` shows, of the conditions that /readyz names."""
    if not conditions["not_draining"]:
        return f"stopping, {conversations} conversations"
    if not conditions["model_loaded"]:
        return "starting"
    missing = ", ".join(name for name, holds in conditions.items() if not holds)
    return (
        f"not ready ({missing}), {conversations} conversations" if missing else f"ready, {conversations} conversations"
    )


class Notifier:
    """Tells the manager; every method returns at once."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = address_of(environ.get(SOCKET, ""))
        self._period_s = watchdog_period_s(environ, os.getpid()) if self._address else None
        self._failed = False
        self._owed: tuple[str, ...] = ()  # was not taken, and still holds

    def ready(self, status: str) -> None:
        """The start is done."""
        self._tell("READY=1", f"STATUS={status}", lasting=True)

    def stopping(self, status: str, deadline_s: float) -> None:
        """The stop has begun and takes `deadline_s` at most, and STOP_MARGIN_S: the manager's own deadline is moved there."""
        self._owed = ()  # that it was ready is no news any more
        within_us = round((deadline_s + STOP_MARGIN_S) * 1e6)
        self._tell("STOPPING=1", f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={within_us}", lasting=True)

    def alive(self, status: str) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1", f"STATUS={status}")

    async def keep_alive(self, status: Callable[[], str]) -> None:
        """Give signs of life until cancelled, each with the status of that moment. Returns where nobody waits for them."""
        if self._period_s is None:
            return
        while True:
            self.alive(status())
            await asyncio.sleep(self._period_s / BEATS_PER_PERIOD)

    def _tell(self, *lines: str, lasting: bool = False) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join((*self._owed, *lines)).encode(), self._address)
            self._owed = ()
        except (OSError, ValueError) as error:
            if not self._failed:
                log.warning("The service manager could not be told", fault=str(error))
            self._failed = True
            if lasting:
                self._owed = tuple(line for line in lines if not line.startswith("STATUS="))
