"""However long it runs and whatever comes, it keeps no more than it says: sizes are counted, not weighed."""

import time
from collections import deque

from engine.live import calls, history, phrases, spans
from tests.support.live_board import Scene, info, scene, spotted

HOUR = 10_000  # phrases


def sizes(value: object, seen: set[int]) -> int:
    """How many containers and objects of ours hang on it."""
    if id(value) in seen or isinstance(value, (str, bytes, int, float, type(None))):
        return 0
    seen.add(id(value))
    if isinstance(value, dict):
        return 1 + sum(sizes(each, seen) for each in [*value.keys(), *value.values()])
    if isinstance(value, (list, tuple, set, frozenset, deque)):
        return 1 + sum(sizes(each, seen) for each in value)
    if not type(value).__module__.startswith("engine.live"):
        return 1
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    parts = [getattr(value, name) for name in slots] + list(getattr(value, "__dict__", {}).values())
    return 1 + sum(sizes(each, seen) for each in parts)


def an_hour(stage: Scene, first: int) -> None:
    """So many phrases in short calls, with their commands and ticks."""
    for number in range(first, first + HOUR):
        key, phrase_id = f"call-{number // 10}", f"phrase-{number}"
        if number % 10 == 0:
            stage.call(key)
        stage.board.spotted(phrase_id, key, key, "external", spotted(number % 10 * 1000))
        stage.board.handed(phrase_id, "crm", 0.1)
        stage.board.outcome(phrase_id, "transfer-me", "crm", "delivered")
        if number % 10 == 9:
            stage.board.conversation(info(key, "ended", reason="ended"))
            stage.leases.end(number // 10 + 1)
            stage.board.tick(time.time(), time.monotonic_ns())
        stage.feed.told.clear()


def test_an_hour_of_ten_thousand_phrases_leaves_nothing_that_grows():
    with scene(shows_text=True) as stage:
        an_hour(stage, 0)
        before = sizes(stage.board, set())
        an_hour(stage, HOUR)
        assert sizes(stage.board, set()) == before
        state = stage.board.state()
        assert len(state["phrases"]) == phrases.KEPT
        assert len(state["ended"]) == calls.ENDED
        assert len(state["history"]["at"]) == history.KEPT
        assert state["calls"] == []
        assert stage.board.timeline(f"call-{2 * HOUR // 10 - calls.LEFT}") is not None
        assert stage.board.timeline(f"call-{2 * HOUR // 10 - calls.LEFT - 1}") is None


def test_one_call_that_never_ends_keeps_its_latest():
    with scene() as stage:
        (lease,) = stage.call("a")
        for number in range(spans.KEPT + 50):
            stage.hears(lease, utterance=1 + 50 * number, safe=50 * number)
            stage.board.look(time.monotonic_ns())
            stage.hears(lease, utterance=0, safe=50 * number + 20)
            stage.board.look(time.monotonic_ns())
            stage.board.spotted(f"id-{number}", "a", "a", "external", spotted())
        (channel,) = stage.board.timeline("a")["channels"]
        assert channel["speech"][0] == [50 * 50 * 20, (50 * 50 + 20) * 20]
        assert len(channel["speech"]) == spans.KEPT
        assert len(channel["phrases"]) == calls.PHRASES
        assert stage.board.state()["calls"][0]["phrases"] == spans.KEPT + 50
