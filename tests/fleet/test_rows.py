"""What is written in Redis is read as it was; what is unreadable is nothing."""

import pytest

from engine.fleet.clock import FleetClock
from engine.fleet.rows import entry_s, info_of, past_of, past_text, read_offer, renewal_of, time_s, view_of
from engine.intake.past import Past

CLOCK = FleetClock("x", lambda: 0.0)


def test_pasts():
    past = Past(1234, CLOCK.at(1700000000.125))
    assert past_of(past_text(past).encode(), CLOCK) == past
    assert past_text(None) == ""
    for text in (b"", b"1", b"x 1", b"1 2 3", b"1 x"):
        assert past_of(text, CLOCK) is None


def test_times():
    assert entry_s("1700000000500-3") == 1700000000.5
    assert time_s([b"1700000000", b"250000"]) == 1700000000.25


def test_an_offer():
    fields = [b"c", b"call", b"s", b"api", b"p", b"", b"h", b"node-1", b"e", b"1-1"]
    offer = read_offer(b"2000-0", fields, CLOCK)
    assert (offer.entry, offer.conversation_id, offer.source, offer.offered_at_s) == ("2000-0", "call", "api", 2.0)
    assert (offer.holder, offer.holder_entry, offer.taken, offer.past) == ("node-1", "1-1", 1, None)


def test_a_renewal():
    renewal = renewal_of([[b"5", b"0"], [b"1-1", b"n", b"2-1", b""], [b"3-1"], [], [b"c"]])
    assert renewal.redis_s == 5.0
    assert renewal.lost == {"1-1": "n", "2-1": ""}
    assert (renewal.moved, renewal.missing, renewal.withdrawn) == ({"3-1"}, set(), {"c"})


@pytest.mark.parametrize(("waits_ms", "waits_s"), [(-1, None), (0, 0.0), (6000, 6.0)])
def test_a_view(waits_ms, waits_s):
    rows = [[b"a.b-0f", b"9000", b'8.5 {"x":1}'], [b"c-1e", b"1", b""]]
    pending = [[b"a.b-0f", b"3"], [b"nobody", b"2"]]
    reply = [[b"10", b"0"], rows, pending, b"a.b-0f", b"7", 6, 1, waits_ms, 4, 1]
    view = view_of(reply, info_of(b"# Server\r\nredis_version:7.0.15\r\nused_memory:5\r\n"))
    first, second = view.nodes
    assert (first.name, first.since_s, first.status, first.age_s, first.pending) == ("a.b", 8.5, b'{"x":1}', 1.0, 3)
    assert (second.name, second.since_s, second.status, second.pending) == ("c", 0.0, b"", 0)
    assert (view.calls, view.waiting, view.oldest_s) == (2, 4, waits_s)
    assert (view.leader, view.epoch, view.quarantined, view.handovers) == ("a.b-0f", 7, 1, 4)
    assert (view.redis_version, view.redis_memory_bytes, view.redis_memory_limit_bytes) == ("7.0.15", 5, 0)
    assert view_of([*reply[:3], b"", *reply[4:]], {}).leader is None
