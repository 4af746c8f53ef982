"""What a fleet asks of Redis is counted, so it can be held to its limits on any machine; times are for `make bench-fleet`."""

import pytest

from bench.fleet.__main__ import MOST_OPERATIONS, core, lines, missed
from bench.fleet.costs import Cost, period
from bench.fleet.sharing import Shared, share_out
from tests.support.redis_server import Redis, redis_fixture  # noqa: F401 - a fixture


async def test_a_call_costs_few_operations_in_a_lease_period(redis: Redis):
    cost = await period(redis.url, nodes=3, calls=50)
    # A renewal is 9, a look 4, a read 1; 50 calls share them. A phrase: the script, a look, a note, its expiry. And each
    # script is sent once by its hash before Redis has it.
    assert cost.operations <= (3 * 9 + 20 * 4 + 20 * 1) / 50 + 0.1 < MOST_OPERATIONS
    assert cost.effect_operations <= 4.1


async def test_offers_are_shared_out_among_processes(redis: Redis):
    shared = await share_out(redis.url, 300, 2)
    assert (shared.offers, shared.nodes) == (300, 2)
    assert shared.least + shared.most == 300


def test_targets_that_are_missed_are_named():
    fine = Cost(1, 1000, 0.1, 4.0, 3.0, 4.0, 20.0, 0.1)
    assert core([fine]) == pytest.approx(0.0009)
    assert not list(missed([fine], Shared(10_000, 3, 1.0, 2.0, 1, 2)))
    dear = Cost(1, 1000, 6.0, 4.0, 40.0, 4.0, 20.0, 0.1)
    assert len(list(missed([dear], Shared(10_000, 3, 1.0, 20.0, 1, 2)))) == 3
    assert len(list(lines([fine], Shared(10_000, 3, 1.0, 2.0, 1, 2)))) == 5
