"""The doctor beside a Cueline that runs: its state folder is locked and its ports are in use, as they should be.

Whether a port in use is that one's is asked of `/healthz` on the admin port, on this machine; no token is sent. Behind TLS,
and for AudioHook, it is taken to be.
"""

import http.client
from ipaddress import ip_address
from typing import Literal

import orjson

from engine.doctor_checks import Check
from engine.options import AdminOptions

ANSWER_S = 2.0
MOST_BYTES = 1000  # of an answer; ours has some 40
Health = Literal["ok", "late", "silent", "another"]


def health_at(options: AdminOptions) -> Health:
    """What the admin port says of itself: `late` and `silent` are a Cueline in trouble, `another` is no Cueline."""
    connection = http.client.HTTPConnection(_reached(options.host), options.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/healthz")
        told = orjson.loads(connection.getresponse().read(MOST_BYTES))
    except TimeoutError:
        return "silent"
    except (OSError, http.client.HTTPException, ValueError):
        return "another"
    finally:
        connection.close()
    match told:
        case {"status": "ok", "loop_lag_ms": float() | int()}:
            return "ok"
        case {"status": "late", "loop_lag_ms": float() | int()}:
            return "late"
        case _:
            return "another"


def _reached(host: str) -> str:
    """The address under which this machine reaches what listens on `host`; that of all addresses is none to go to."""
    try:
        address = ip_address(host)
    except ValueError:
        return host  # a name
    loopback = "127.0.0.1" if address.version == 4 else "::1"
    return loopback if address.is_unspecified else host


def judge_health(check: Check, health: Health) -> Check:
    """An admin address that is in use by ours, and whether that is well."""
    if health == "ok":
        return Check(check.name, "ok", f"{check.found}; /healthz says ok")
    said = "does not answer" if health == "silent" else "says late"
    return Check(check.name, "warn", f"{check.found}; /healthz {said}", "see CuelineDown in docs/runbook.md")
