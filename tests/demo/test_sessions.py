"""What the simulated Genesys says of its sessions, and when that is not as it should be."""

import json

import pytest

from engine.demo.sessions import read_sessions
from engine.simulator.audiohook.tally import Tally

SPREAD = {"count": 10, "p50": 1.0, "p99": 200.0, "p999": 1000.0, "max": 1000.0}
BODY = {
    "event": "summary",
    "ok": True,
    "opened": 10,
    "lost": 0,
    "given_up": 0,
    "retries": 0,
    "opened_ms": SPREAD,
    "ping_ms": SPREAD,
    "unsolicited": {},
    "server_faults": {},
}


def test_a_good_run_at_its_limits():
    sessions = read_sessions(json.dumps(BODY).encode())
    assert ([*sessions.faults], [*sessions.late]) == ([], [])
    assert sessions.report()["opened_ms"] == {"count": 10, "p50": 1.0, "p99": 200.0, "p999": 1000.0, "max": 1000.0}


@pytest.mark.parametrize(
    ("changes", "faults", "late"),
    [
        ({"lost": 2}, ["2 sessions lost"], []),
        ({"given_up": 1}, ["1 calls not taken"], []),
        ({"server_faults": {"seq out of order": 3}}, ["3 times a wrong message: seq out of order"], []),
        ({"unsolicited": {"event": 1}}, ["1 messages `event` that nobody asked for"], []),
        ({"opened_ms": SPREAD | {"p999": 1001.0}}, [], ["opened p99.9 1001 > 1000 ms"]),
        ({"ping_ms": SPREAD | {"p99": 201.0}}, [], ["ping p99 201 > 200 ms"]),
        ({"ping_ms": {"count": 0}}, [], []),
    ],
)
def test_what_is_wrong_is_named(changes, faults, late):
    sessions = read_sessions(json.dumps(BODY | changes).encode())
    assert ([*sessions.faults], [*sessions.late]) == (faults, late)


def test_the_simulators_own_summary_is_read():
    sessions = read_sessions(json.dumps(Tally(calls=3).summary()).encode())
    assert (sessions.opened, sessions.opened_ms.p999, [*sessions.faults]) == (0, None, [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{}"])
def test_what_is_no_summary_is_refused(body):
    with pytest.raises(ValueError, match="validation error"):
        read_sessions(body)
