"""What a node says it would still take: the less of what its shards and its own limit leave, and only while it takes any."""

from types import SimpleNamespace

import orjson
import pytest
from prometheus_client import CollectorRegistry

from engine.fleet.following import Following
from engine.fleet.renewing import Renewing
from engine.fleet_metrics import FleetMetrics
from engine.options import FleetOptions


class Shards:
    """An engine whose shards take so many more."""

    def __init__(self, room):
        self._room = room

    def room(self):
        return self._room

    def status(self):
        return {"audiohook": 0}


def following(room, max_calls, phases=()):
    it = Following(FleetOptions(max_calls=max_calls), None, Shards(room), FleetMetrics(CollectorRegistry()))
    it.calls.live.update({str(number): SimpleNamespace(phase=phase) for number, phase in enumerate(phases)})
    return it


@pytest.mark.parametrize(
    ("room", "max_calls", "phases", "expected"),
    [
        (80, None, ["ours"] * 3, 80),
        (80, 3, [], 3),
        (80, 3, ["ours", "offered"], 1),
        (80, 3, ["ours", "coming", "offered"], 0),
        (80, 3, ["ours"] * 4, 0),
        (80, 3, ["ours", "ours", "lingering"], 1),
        (1, 8, ["ours"], 1),
        (0, 8, [], 0),
    ],
)
async def test_room(room, max_calls, phases, expected):
    assert following(room, max_calls, phases).room() == expected


@pytest.mark.parametrize(("state", "room"), [("ready", 3), ("full", 0), ("draining", 0), ("fenced", 0)])
async def test_the_row_tells_of_room_only_where_calls_are_taken(state, room):
    said = orjson.loads(Renewing(following(80, 3), lambda: state)._status())
    assert (said["room"], said["max_calls"], said["state"]) == (room, 3, state)
