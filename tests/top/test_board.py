"""The events, folded: what is so after each."""

import pytest

from engine.errors import LiveError
from engine.live_client import LiveEvent
from engine.top.board import PHRASES, Board
from engine.top.shapes import SERIES_KEPT
from tests.support.live import AT, call, command, engine, phrase, sample, shard, state, tick


def board(*events: tuple[str, dict]) -> Board:
    made = Board()
    for kind, data in [("state", state()), *events]:
        made.apply(LiveEvent(kind, data))
    return made


def test_before_the_first_state_there_is_nothing():
    made = Board()
    assert (made.ready, made.calls, made.phrases, made.latest("calls")) == (False, {}, {}, None)


def test_a_state_says_it_all():
    made = board()
    assert (made.ready, made.at, made.version, made.started_at) == (True, AT, "0.7.0", AT - 3725)
    assert [*made.calls] == ["b157c055-2793", "41d91d23-cda4"]
    assert [each.phrase for each in made.phrases.values()] == ["transfer me"]
    assert made.engine.commands_total["unknown"] == 1
    assert made.sinks == {"transfer-me": 1}
    assert "at" not in made.history
    assert made.latest("spot_p95_ms") == 20.0
    assert made.latest("nothing") is None


def test_a_state_replaces_what_was_before():
    made = board(("phrase", phrase(2)), ("state", state(calls=[], phrases=[], shows_text=True)))
    assert (made.calls, made.phrases, made.shows_text) == ({}, {}, True)


def test_a_tick_changes_what_it_names():
    changed = call("41d91d23-cda4", True, phrases=7)
    made = board(("tick", tick(calls=[changed, call("new")], left=["b157c055-2793", "never"], engine=engine(calls=9))))
    assert {key: each.phrases for key, each in made.calls.items()} == {"41d91d23-cda4": 7, "new": 1}
    assert (made.at, made.engine.calls) == (AT + 1, 9)


def test_a_call_that_left_in_the_same_tick_is_gone():
    assert "x" not in board(("tick", tick(calls=[call("x")], left=["x"]))).calls


def test_samples_follow_and_the_oldest_go():
    ticks = [("tick", tick(sample=sample(float(number)))) for number in range(SERIES_KEPT)]
    made = board(*ticks, ("tick", tick()), ("tick", tick(sample=sample(None))))
    values = made.history["calls"]
    assert (len(values), values[0], values[-2:]) == (SERIES_KEPT, 1.0, [299.0, None])
    assert made.latest("calls") is None, "nothing now is not what was before"


def test_phrases_are_kept_up_to_a_number_and_counted():
    made = board(*(("phrase", phrase(number)) for number in range(2, PHRASES + 3)))
    assert len(made.phrases) == PHRASES
    assert next(iter(made.phrases)).endswith("/3")
    assert made.seen == PHRASES + 1


def test_outcomes_come_to_their_phrase():
    made = board(
        ("phrase", phrase(2)),
        ("command", command(2, "hook", "failed")),
        ("command", command(2, "file")),
        ("command", command(2, "hook", "delivered")),
        ("command", command(77)),
    )
    newest = [*made.phrases.values()][-1]
    assert [(each.sink, each.outcome) for each in newest.deliveries] == [("file", "delivered"), ("hook", "delivered")]


def test_what_was_lost_is_seen_and_what_is_new_is_passed_over():
    made = board(("surprise", {"x": 1}), ("lost", {"events": 3}))
    assert made.lost
    made.connected()
    assert not made.lost


def test_of_another_version_what_can_be_read_is():
    made = board(("tick", {"at": AT, "shards": [{"shard": 3, "new": 1}], "calls": [{"key": "k"}]}))
    assert (made.shards[0].shard, made.shards[0].up, made.calls["k"].late_ms) == (3, True, 0)


@pytest.mark.parametrize(
    ("kind", "data", "place"),
    [
        ("state", {}, "at"),
        ("tick", tick(shards=[shard("x")]), "shards.0.shard"),
        ("phrase", {"at": AT}, "id"),
        ("command", {}, "id"),
        ("lost", {"events": -1}, "events"),
    ],
)
def test_what_can_not_be_read_is_named(kind, data, place):
    with pytest.raises(LiveError, match=rf"the feed's {kind} can't be read \({place}\)"):
        board((kind, data))
