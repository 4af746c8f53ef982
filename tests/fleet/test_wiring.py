"""What a node brings into its fleet at its start: calls of an earlier engine with their place, those that are configured."""

from types import SimpleNamespace

from structlog.testing import capture_logs

from engine.fleet.store import FleetStore
from engine.fleet_wiring import Fleet
from engine.intake.clocks import moment_now
from engine.intake.followed import Known
from engine.intake.past import Past
from engine.metrics import Metrics
from engine.options import FleetOptions
from tests.support.fleet_hosts import LEASE_S, Host, comes, owning
from tests.support.redis_server import redis_fixture  # noqa: F401 - a fixture


class Record:
    """What is on record of an earlier engine."""

    def __init__(self, *names: str) -> None:
        self.known = [Known(name, "realtime", Past(5000, moment_now())) for name in names]

    def forget(self, known: Known) -> None:
        self.known.remove(known)


async def test_known_calls_are_offered_with_their_place_and_what_the_fleet_has_no_room_for_stays_on_record(redis):
    fleet_options = FleetOptions(redis_url=redis.url, node="one", lease_s=LEASE_S, offers_max=1)
    store, host, record = FleetStore(fleet_options), Host(), Record("first", "second")
    await store.begin()
    parts = (SimpleNamespace(fleet=fleet_options), store, host, SimpleNamespace(remove=None), Metrics(list))
    with capture_logs() as logged:
        fleet = Fleet(*parts)
        async with fleet.running(record, list(record.known), ["first", "third"]):
            await fleet.node.chores.done(10)
            await comes(lambda: host.began == ["first"])
            place = fleet.node.calls.get("first").offer.past
    await store.close()
    assert 5000 <= place.position_ms < 5000 + 20_000
    assert [each.conversation_id for each in record.known] == ["second"]
    assert [owning(redis, name) for name in ("second", "third")] == ["-1", "-1"]
    refused = [line for line in logged if line["event"] == "A call was not taken by the fleet"]
    assert [(line["conversation_id"], line["reason"]) for line in refused] == [("second", "full"), ("third", "full")]
