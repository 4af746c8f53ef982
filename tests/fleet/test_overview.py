"""FLEET out of what the store has read: worked out by hand, with rows of nodes that say too little or nonsense."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from engine.fleet.overview import overview
from engine.fleet.rows import NodeView
from tests.support.fleet_view import NOBODY, USUAL, node

DOCUMENT = Path(__file__).parents[2] / "docs/fleet.md"


def told(seen=USUAL, **parts):
    return overview(replace(seen, **parts), "default", 10.0)


def texts(fleet):
    return [(concern["level"], concern["text"]) for concern in fleet["concerns"]]


def test_the_whole():
    fleet = told()
    assert (fleet["calls"], fleet["room"], fleet["waiting"], fleet["leader"], fleet["epoch"]) == (18, 6, 0, "b", 7)
    assert fleet["redis"] == {"version": "7.0.15", "memory_mb": 12.3, "memory_limit_mb": None}
    assert fleet["summary"] == "3 nodes follow 18 calls, room for 6 more; nothing waits."
    assert fleet["concerns"] == []


@pytest.mark.parametrize(
    ("parts", "summary"),
    [
        ({"nodes": ()}, "No node is here; nothing waits."),
        ({"nodes": (), "waiting": 1, "oldest_s": 2.04}, "No node is here; 1 call waits for a node, the oldest for 2 s."),
        ({"nodes": (node("a", 1),), "calls": 1}, "1 node follows 1 call, room for 7 more; nothing waits."),
        ({"nodes": (node("a", 8),), "calls": 8, "waiting": 3, "oldest_s": 4.5},
         "1 node follows 8 calls, no room for more; 3 calls wait for a node, the oldest for 4.5 s."),
    ],
)  # fmt: skip
def test_the_sentence(parts, summary):
    assert told(**parts)["summary"] == summary


def test_what_is_wrong_is_said():
    nodes = (node("a", 8), node("b", 2, age_s=11), node("c", 0, state="fenced", room=0))
    fleet = told(nodes=nodes, waiting=4, oldest_s=31.0, quarantined=2)
    assert texts(fleet) == [
        ("bad", "Node b has not been heard of for 11 s: others take its 2 calls."),
        ("bad", "Node c has fenced itself: it could not reach Redis in time, others have its calls."),
        ("warn", "A call has waited for a node for 31 s: no node has room."),
        ("warn", "2 calls are quarantined: workers died of them."),
    ]
    assert [each["state"] for each in fleet["nodes"]] == ["full", "silent", "fenced"]


def test_room_of_a_node_that_takes_none_is_no_room():
    nodes = (node("a", 2), node("b", 2, state="draining"), node("c", 2, age_s=10.5))
    assert told(nodes=nodes)["room"] == 6


def test_no_node_alive():
    assert ("bad", "No node is alive: nobody is heard.") in texts(told(nodes=(node("a", age_s=20),)))
    assert texts(told(nodes=(), waiting=1, oldest_s=1.0)) == [("bad", "No node is alive: nobody is heard.")]
    assert texts(told(nodes=())) == []


@pytest.mark.parametrize(
    "status", [b"", b"\xff", b"[1]", b'{"calls": "many", "room": true, "state": "asleep", "admin": 7}']
)
def test_a_row_that_can_not_be_read_is_null(status):
    (row,) = told(nodes=(NodeView("a-1", "a", 0.0, status, 0.1, 3),))["nodes"]
    assert (row["node"], row["pending"], row["heard_s"]) == ("a", 3, 0.1)
    assert [row[name] for name in ("calls", "room", "state", "admin", "utilization")] == [None] * 5


def test_two_lives_of_one_name_stand_side_by_side():
    before = replace(node("a", age_s=12.0), consumer="a-zzzzzz", pending=0)
    rows = told(nodes=(before, node("b"), node("a", 0)), leader="a-zzzzzz")["nodes"]
    assert [(row["consumer"], row["state"]) for row in rows] == [
        ("a-0a1b2c", "ready"), ("a-zzzzzz", "silent"), ("b-0a1b2c", "ready"),
    ]  # fmt: skip


def test_what_a_silent_node_said_of_its_calls_holds_no_more():
    (row,) = told(nodes=(node("a", 2, age_s=11),))["nodes"]
    assert [row[name] for name in ("calls", "max_calls", "room", "audiohook", "utilization", "lag_s")] == [None] * 6
    assert (row["state"], row["pending"], row["version"], row["admin"]) == ("silent", 2, "0.1.0", "http://a:8080")


def test_the_lease_is_the_nodes_not_the_onlookers():
    fleet = told(nodes=(node("a", lease_s=5), node("b", age_s=5.5, lease_s=5), node("c")))
    assert (fleet["lease_s"], [each["state"] for each in fleet["nodes"]]) == (5, ["ready", "silent", "ready"])
    assert [each["lease_s"] for each in fleet["nodes"]] == [5, 5, None]
    assert told(nodes=(node("a"),))["lease_s"] == 10.0, "no node has said one"
    assert told(nodes=(node("a", lease_s="long"), node("b", lease_s=0)))["lease_s"] == 10.0


def test_leases_that_differ():
    fleet = told(nodes=(node("a", lease_s=5), node("b", age_s=5.5, lease_s=9), node("c", lease_s=9)))
    assert fleet["lease_s"] == 9
    said = "The nodes' leases differ (a 5 s, b 9 s, c 9 s): CUELINE_LEASE_S must be the same on all."
    assert texts(fleet) == [("warn", said)]
    assert ("warn", said) not in texts(told(nodes=(node("a", lease_s=5), node("b", age_s=99, lease_s=9))))


def test_a_node_that_is_gone_and_has_nothing_left():
    gone = replace(node("a", age_s=12), pending=0)
    assert texts(told(nodes=(gone, node("b")))) == [
        ("warn", "Node a has not been heard of for 12 s; it has no calls any more.")
    ]


@pytest.mark.parametrize(("used", "told_of"), [(80_000_000, False), (80_100_000, True)])
def test_redis_memory(used, told_of):
    found = texts(told(redis_memory_bytes=used, redis_memory_limit_bytes=100_000_000))
    assert found == (
        [("warn", "Redis has used 80% of its memory (100 MB): full, it takes no offers.")] if told_of else []
    )


def test_an_empty_fleet():
    assert overview(NOBODY, "default", 10.0)["leader"] is None


@pytest.mark.parametrize("shape", ["FLEET", "NODE"])
def test_the_shapes_are_as_documented(shape):
    (table,) = (
        part for part in re.split(r"^##+ ", DOCUMENT.read_text(), flags=re.MULTILINE) if part.startswith(f"{shape}\n")
    )
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert named == set(told() if shape == "FLEET" else told()["nodes"][0])
