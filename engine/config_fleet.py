"""The fleet's part of the configuration: the node's name is the machine's, and sinks of type redis lead to the fleet's Redis.

Works on raw values, which may be of any shape: what is no table is left for pydantic's check.
"""

import re
import socket
from collections.abc import Iterator, Mapping
from typing import Any

from engine.config_faults import Fault
from engine.config_layers import Draft
from engine.options import FleetOptions

_NEEDED = (
    "not set, and the fleet has none (fleet.redis_url, CUELINE_REDIS_URL) that could stand for it; set one of them"
)
_ALONE = "needs fleet.redis_url (CUELINE_REDIS_URL), which is not set: without it there is no fleet"


def complete_fleet(draft: Draft) -> None:
    """Fill in the node's name; give sinks of type redis that have no address the fleet's, and its stream."""
    fleet = draft.table("fleet")
    fleet.setdefault("node", _machine())
    url = fleet.get("redis_url")
    for sink in draft.tables("sinks") if url is not None else ():
        if sink.get("type") == "redis" and "url" not in sink:
            sink["url"] = url
            sink.setdefault("stream", f"{{cueline:{fleet.get('name', FleetOptions().name)}}}:events")
            if "redis_password" in fleet:
                sink.setdefault("password", fleet["redis_password"])


def fleet_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    """What pydantic does not see: a password that opens nothing, a sink that leads nowhere."""
    fleet = raw.get("fleet")
    if isinstance(fleet, dict) and "redis_password" in fleet and "redis_url" not in fleet:
        yield Fault(("fleet", "redis_password"), _ALONE, "")
    sinks = raw.get("sinks")
    for index, sink in enumerate(sinks if isinstance(sinks, list) else ()):
        if isinstance(sink, dict) and sink.get("type") == "redis" and "url" not in sink:
            yield Fault(("sinks", index, "url"), _NEEDED)


def _machine() -> str:
    """The machine's name, as far as it may be a node's."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())
    return re.sub(r"^[^A-Za-z0-9]+", "", plain)[:64] or "node"
