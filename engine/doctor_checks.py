"""What one check of the doctor's is, and those that several parts share."""

import errno
import socket
from dataclasses import dataclass
from typing import Literal

from engine.addresses import address_fault, host_and_port

Verdict = Literal["ok", "warn", "fail"]
IN_USE = "is in use, by the Cueline that runs here, it seems"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    found: str
    advice: str = ""


def check_address(name: str, settings: tuple[str, str], host: str, port: int, *, running: bool = False) -> Check:
    """Whether somebody could listen there; `settings` are the names of those for host and port.

    `running`: a Cueline of this configuration runs, so an address in use is its own.
    """
    where = host_and_port(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if running and error.errno == errno.EADDRINUSE:
                return Check(name, "ok", f"{where} {IN_USE}")
            return Check(name, "fail", where, address_fault(settings, host, port, error))
    return Check(name, "ok", f"{where} is free")
