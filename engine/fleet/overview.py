"""The fleet as it is told: one shape for `GET /v1/fleet`, `cueline fleet --json`, and what people see of either (docs/fleet.md).

Made of what the store has read, in one step, by Redis' own clock. A node's row is what that node said of itself a moment ago;
its process may be of another version, so what a row lacks, or says in another shape, is null. Pure.
"""

from collections.abc import Mapping
from typing import Any, Literal

import orjson

from engine.fleet.rows import FleetView, NodeView

State = Literal["ready", "full", "draining", "fenced", "silent"]
STATES: tuple[State, ...] = ("ready", "full", "draining", "fenced", "silent")
WAITS_LONG_S = 30.0  # the alert CuelineFleetOffersWait says the same
FULL_SHARE = 0.8  # of Redis' memory
LASTING = ("version", "admin", "lease_s")  # what a node said that still holds once it is silent
Row = dict[str, Any]


def overview(view: FleetView, name: str, lease_s: float) -> Row:
    """FLEET of docs/fleet.md. `lease_s` is the onlooker's own: it holds where no node has said its lease."""
    lease_s = max((each for node in view.nodes if (each := _lease_s(_said(node.status)))), default=lease_s)
    nodes = sorted((_node(node, view.leader, lease_s) for node in view.nodes), key=_order)
    fleet: Row = {
        "at": round(view.redis_s, 3),
        "name": name,
        "lease_s": lease_s,
        "calls": view.calls,
        "room": sum(node["room"] or 0 for node in nodes if node["state"] == "ready"),
        "waiting": view.waiting,
        "oldest_s": None if view.oldest_s is None else round(view.oldest_s, 1),
        "handovers": view.handovers,
        "quarantined": view.quarantined,
        "leader": next((node["node"] for node in nodes if node["leads"]), None),
        "epoch": view.epoch,
        "redis": {
            "version": view.redis_version,
            "memory_mb": round(view.redis_memory_bytes / 1e6, 1),
            "memory_limit_mb": round(view.redis_memory_limit_bytes / 1e6, 1) or None,
        },
        "nodes": nodes,
    }
    return fleet | {"summary": summary(fleet), "concerns": concerns(fleet)}


def _order(node: Row) -> tuple[str, str]:
    return (node["node"], node["consumer"])


def _node(node: NodeView, leader: str | None, lease_s: float) -> Row:
    """NODE."""
    said = _said(node.status)
    state = said.get("state")
    if node.age_s > (_lease_s(said) or lease_s):
        state, said = "silent", {name: said.get(name) for name in LASTING}
    return {
        "node": node.name,
        "consumer": node.consumer,
        "state": state if state in STATES else None,
        "leads": node.consumer == leader,
        "heard_s": round(node.age_s, 1),
        "pending": node.pending,
        "version": _text(said.get("version")),
        "since": node.since_s or None,
        "calls": _number(said.get("calls")),
        "audiohook": _number(said.get("audiohook")),
        "max_calls": _number(said.get("max_calls")),
        "room": _number(said.get("room")),
        "lease_s": _lease_s(said),
        "utilization": _number(said.get("utilization")),
        "lag_s": _number(said.get("lag_s")),
        "admin": _text(said.get("admin")),
    }


def _said(status: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(status)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _lease_s(said: Mapping[str, Any]) -> float | int | None:
    return _number(said.get("lease_s")) or None


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def summary(fleet: Row) -> str:
    """The whole in a sentence or two."""
    alive = [node for node in fleet["nodes"] if node["state"] != "silent"]
    if not alive:
        return f"No node is here; {_waiting(fleet)}."
    verb = "follows" if len(alive) == 1 else "follow"
    room = f"room for {fleet['room']:.0f} more" if fleet["room"] else "no room for more"
    return f"{_counted(len(alive), 'node')} {verb} {_counted(fleet['calls'], 'call')}, {room}; {_waiting(fleet)}."


def _waiting(fleet: Row) -> str:
    if not fleet["waiting"]:
        return "nothing waits"
    verb = "waits" if fleet["waiting"] == 1 else "wait"
    since = "" if fleet["oldest_s"] is None else f", the oldest for {fleet['oldest_s']:g} s"
    return f"{_counted(fleet['waiting'], 'call')} {verb} for a node{since}"


def concerns(fleet: Row) -> list[Row]:
    """What is not as it should be, the worst first: `level` ("bad" or "warn") and `text`."""
    found = [trouble for node in fleet["nodes"] if (trouble := _node_trouble(node))]
    if not any(node["state"] != "silent" for node in fleet["nodes"]) and (fleet["waiting"] or fleet["nodes"]):
        found.append(_bad("No node is alive: nobody is heard."))
    if trouble := _leases_differ(fleet["nodes"]):
        found.append(trouble)
    if (fleet["oldest_s"] or 0) > WAITS_LONG_S:
        why = " although there is room" if fleet["room"] else ": no node has room"
        found.append(_warn(f"A call has waited for a node for {fleet['oldest_s']:.0f} s{why}."))
    if fleet["quarantined"]:
        one = fleet["quarantined"] == 1
        what = _counted(fleet["quarantined"], "call")
        found.append(_warn(f"{what} {'is' if one else 'are'} quarantined: workers died of {'it' if one else 'them'}."))
    memory, limit = fleet["redis"]["memory_mb"], fleet["redis"]["memory_limit_mb"]
    if limit and memory > FULL_SHARE * limit:
        found.append(
            _warn(f"Redis has used {memory / limit:.0%} of its memory ({limit:g} MB): full, it takes no offers.")
        )
    return found


def _node_trouble(node: Row) -> Row | None:
    name = f"Node {node['node']}"
    if node["state"] == "silent":
        said = f"{name} has not been heard of for {node['heard_s']:.0f} s"
        if node["pending"]:
            return _bad(f"{said}: others take its {_counted(node['pending'], 'call')}.")
        return _warn(f"{said}; it has no calls any more.")
    if node["state"] == "fenced":
        return _bad(f"{name} has fenced itself: it could not reach Redis in time, others have its calls.")
    return None


def _leases_differ(nodes: list[Row]) -> Row | None:
    leases = {node["node"]: node["lease_s"] for node in nodes if node["state"] != "silent" and node["lease_s"]}
    if len(set(leases.values())) < 2:
        return None
    said = ", ".join(f"{name} {lease:g} s" for name, lease in leases.items())
    return _warn(f"The nodes' leases differ ({said}): CUELINE_LEASE_S must be the same on all.")


def _bad(text: str) -> Row:
    return {"level": "bad", "text": text}


def _warn(text: str) -> Row:
    return {"level": "warn", "text": text}


def _counted(number: float, what: str) -> str:
    return f"{number:.0f} {what}" if number == 1 else f"{number:.0f} {what}s"
