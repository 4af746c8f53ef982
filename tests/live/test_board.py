"""The whole view: what the parts tell it and what it sees becomes what is told on."""

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from engine.audio.ring import RingWriter
from tests.support.live_board import CONDITIONS, Scene, info, scene, spotted
from tests.support.waiting import until

MS = 1_000_000
S = 1000 * MS


@pytest.fixture
def stage():
    with scene() as made:
        yield made


def tick(stage: Scene, now_s: float | None = None) -> dict:
    stage.board.look(time.monotonic_ns())
    stage.board.tick(time.time() if now_s is None else now_s, time.monotonic_ns())
    return stage.last("tick")


def test_a_call_is_told_when_it_changes_and_only_then(stage):
    before = time.time()
    (lease,) = stage.call("a")
    (row,) = tick(stage)["calls"]
    assert before - 0.001 <= row.pop("begun") <= row.pop("since") <= time.time() + 0.001
    assert row == {
        "key": "a", "conversation_id": "a", "source": "realtime", "state": "listening", "reason": None, "shard": 0,
        "gap_ms": 0, "reconnects": 0, "phrases": 0, "without_audio": False,
        "channels": [{"channel": "external", "speaking": False, "late_ms": 0}],
    }  # fmt: skip
    assert tick(stage)["calls"] == []
    stage.hears(lease, frames=30, at_ns=time.monotonic_ns(), tail=30, safe=10, utterance=11)
    told = tick(stage)
    assert [row["channels"] for row in told["calls"]] == [[{"channel": "external", "speaking": True, "late_ms": 0}]]
    assert told["engine"]["speaking"] == 1
    stage.board.conversation(info("a", "reconnecting", reconnects=1))
    (row,) = tick(stage)["calls"]
    assert (row["state"], row["reconnects"]) == ("reconnecting", 1)


def test_lateness_is_told_at_its_steps(stage):
    (lease,) = stage.call("a")
    tick(stage)
    stage.hears(lease, frames=2, at_ns=time.monotonic_ns() - 300 * MS)
    told = tick(stage)
    assert told["calls"][0]["channels"][0]["late_ms"] >= 300
    assert told["shards"][0]["queue_frames"] == 2


def test_one_that_left_is_named_and_its_last_row_told(stage):
    (lease,) = stage.call("a")
    tick(stage)
    stage.board.conversation(info("a", "ended", reason="removed"))
    told = tick(stage)
    assert (told["calls"], told["left"]) == ([], ["a"])
    assert [(row["key"], row["state"], row["reason"]) for row in told["ended"]] == [("a", "ended", "removed")]
    # its ring is still heard: what is found there is its own, and the end of what was said is seen
    stage.hears(lease, frames=90, tail=40, safe=20, utterance=21)
    stage.board.look(time.monotonic_ns())
    stage.board.spotted("a/external/transfer-me/400", "a", "a", "external", spotted())
    stage.hears(lease, tail=90, safe=80, utterance=0)
    stage.leases.release(lease.number)
    stage.leases.end(lease.number)
    stage.hears(lease, frames=5)  # another's by now
    timeline = stage.board.timeline("a")
    assert (timeline["state"], timeline["now_ms"]) == ("ended", 1800)
    assert timeline["channels"][0]["speech"] == [[400, 1600]]
    assert [phrase["id"] for phrase in timeline["channels"][0]["phrases"]] == ["a/external/transfer-me/400"]
    assert tick(stage)["calls"] == []
    state = stage.board.state()
    assert (state["calls"], [row["phrases"] for row in state["ended"]]) == ([], [1])


def test_the_end_of_one_takes_no_news_from_another(stage):
    (first,), (second,) = stage.call("a"), stage.call("b")
    tick(stage)
    stage.hears(second, frames=30, tail=30, safe=10, utterance=11)
    stage.leases.end(first.number)
    told = tick(stage)
    assert [row["channels"][0]["speaking"] for row in told["calls"] if row["key"] == "b"] == [True]
    assert stage.board.timeline("b")["channels"][0]["speech"] == [[200, None]]


def test_one_that_comes_again_has_not_left(stage):
    stage.call("a")
    stage.board.conversation(info("a", "failed", reason="error"))
    stage.leases.release(1)
    stage.leases.take("a", ("external",), 0)
    stage.board.conversation(info("a", "connecting"))
    told = tick(stage)
    assert (told["left"], [row["state"] for row in told["calls"]]) == ([], ["connecting"])
    stage.leases.end(1)  # of the one that left
    assert stage.board.timeline("a")["state"] == "connecting"
    assert next(row["channels"] for row in stage.board.state()["calls"])


def test_both_sessions_of_a_conversation_are_calls(stage):
    for session in ("s1", "s2"):
        stage.call("c", ("external", "internal"), source="audiohook", session_id=session)
    rows = stage.board.state()["calls"]
    assert [(row["key"], row["conversation_id"], len(row["channels"])) for row in rows] == [
        ("s1", "c", 2),
        ("s2", "c", 2),
    ]
    assert stage.board.timeline("c")["key"] == "s2"
    assert stage.board.timeline("s1")["key"] == "s1"
    assert stage.board.timeline("s3") is None


def test_gaps_are_in_the_timeline_and_what_was_counted_of_them_in_the_row(stage):
    (lease,) = stage.call("a")
    writer_side = stage.ring(lease)
    stage.hears(lease, frames=10, tail=10)
    RingWriter(writer_side).mark_gap(100)
    stage.stands.infos["a"] = info("a", gap_ms=2000)
    stage.hears(lease, gaps_seen=1, gap_frames=100)
    (row,) = tick(stage)["calls"]
    assert row["gap_ms"] == 2000
    timeline = stage.board.timeline("a")
    assert (timeline["channels"][0]["gaps"], timeline["now_ms"]) == ([[200, 2000]], 2200)


def test_a_phrase_and_its_commands_are_told_at_once(stage):
    stage.call("a")
    stage.board.spotted("id-1", "a", "a", "external", spotted(phrase_end_ns=time.monotonic_ns() - 80 * MS))
    phrase = stage.last("phrase")
    assert 80 <= phrase.pop("latency_ms") < 10_000
    assert phrase.pop("at") == pytest.approx(time.time(), abs=60)
    assert phrase == {
        "id": "id-1", "key": "a", "conversation_id": "a", "channel": "external", "rule": "transfer-me",
        "phrase": "transfer me", "confidence": None, "fired_on": "partial", "phrase_end_ms": 6200, "deliveries": [],
    }  # fmt: skip
    stage.board.handed("id-1", "crm", 0.1204)
    stage.board.outcome("id-1", "transfer-me", "crm", "delivered")
    stage.board.outcome("id-1", "transfer-me", "log", "refused")
    done = [
        {key: value for key, value in data.items() if key != "at"}
        for kind, data in stage.feed.told
        if kind == "command"
    ]
    assert done == [
        {"id": "id-1", "rule": "transfer-me", "sink": "crm", "outcome": "delivered", "latency_ms": 120},
        {"id": "id-1", "rule": "transfer-me", "sink": "log", "outcome": "refused", "latency_ms": None},
    ]
    state = stage.board.state()
    assert [each["deliveries"] for each in state["phrases"]] == [
        [
            {"sink": "crm", "outcome": "delivered", "latency_ms": 120},
            {"sink": "log", "outcome": "refused", "latency_ms": None},
        ]
    ]
    engine = state["engine"]
    assert engine["phrases_total"] == 1
    assert engine["commands_total"] == {"delivered": 1, "failed": 0, "refused": 1, "unknown": 0, "elsewhere": 0}
    assert state["calls"][0]["phrases"] == 1


def test_a_phrase_of_a_recording_has_no_latency_and_one_of_no_known_call_is_told_too(stage):
    stage.board.spotted("id-1", "x", "x", "external", spotted(phrase_end_ns=0))
    assert stage.last("phrase")["latency_ms"] is None
    stage.board.handed("of-an-earlier-run", "crm", 0.2)
    stage.board.outcome("of-an-earlier-run", "transfer-me", "crm", "failed")
    assert stage.last("command")["latency_ms"] is None


def test_text_is_neither_shown_nor_kept_unless_it_is_wanted():
    for shows_text in (False, True):
        with scene(shows_text) as stage:
            stage.call("a")
            stage.board.spotted("id-1", "a", "a", "external", spotted(text="my secret is"))
            everything = str([stage.feed.told, stage.board.state(), stage.board.timeline("a")])
            assert ("my secret is" in everything) is shows_text
            assert ("my secret is" in str(vars(stage.board._phrases))) is shows_text
            assert stage.board.state()["shows_text"] is shows_text


def test_the_state_has_the_whole(stage):
    stage.call("a")
    stage.call("b")
    tick(stage)
    tick(stage)
    state = stage.board.state()
    assert state["version"] == "1.2.3"
    assert (state["started_at"], state["tick_s"]) == (1000.0, 1.0)
    assert state["rules"] == [{"name": "transfer-me", "phrases": ["transfer me"], "sinks": ["log", "crm"]}]
    assert state["shards"] == [
        {"shard": 0, "up": True, "calls": 2, "utilization": 0.25, "capacity_left": 0.5, "queue_frames": 0, "dropped": 7,
         "restarts": 1, "memory_mb": 95.1},
    ]  # fmt: skip
    assert state["engine"] == {
        "status": "ready", "conditions": CONDITIONS, "calls": 2, "speaking": 0, "without_audio": 0, "phrases_total": 0,
        "commands_total": {"delivered": 0, "failed": 0, "refused": 0, "unknown": 0, "elsewhere": 0}, "refused_total": 3,
        "outbox_pending": 4, "outbox_dead": 5, "outbox_oldest_s": 1.3, "sinks_failing": ["crm"], "loop_lag_ms": 0.0,
        "token_s": None, "model": "model",
    }  # fmt: skip
    assert len(state["history"]["at"]) == 1  # every other second
    assert state["history"]["calls"] == [2]


def test_every_other_tick_has_a_sample(stage):
    assert [tick(stage)["sample"] is not None for _ in range(4)] == [False, True, False, True]


def test_who_listens_and_gets_no_audio_is_found_and_counted(stage):
    quiet, heard = stage.call("quiet"), stage.call("heard")
    (never,) = stage.call("checked")
    stage.board.conversation(info("checked", "paused"))
    begun_s, begun_ns = time.time(), time.monotonic_ns()
    stage.hears(heard[0], frames=1)
    stage.board.look(begun_ns + 9 * S)
    stage.board.tick(begun_s + 9, begun_ns + 9 * S)
    assert stage.without_audio == {}
    stage.board.tick(begun_s + 11, begun_ns + 11 * S)
    assert stage.without_audio == {"realtime": 1}
    told = stage.last("tick")
    assert told["engine"]["without_audio"] == 1
    assert [row["key"] for row in told["calls"] if row["without_audio"]] == ["quiet"]
    stage.hears(quiet[0], frames=1)
    stage.board.look(begun_ns + 12 * S)
    stage.board.tick(begun_s + 12, begun_ns + 12 * S)
    assert stage.without_audio == {"realtime": 0}
    assert [row["without_audio"] for row in stage.last("tick")["calls"]] == [False]
    assert never.ring == 2


def test_a_call_is_heard_while_one_of_its_channels_is(stage):
    agent, customer = stage.call("a", ("internal", "external"), source="audiohook")
    begun_s, begun_ns = time.time(), time.monotonic_ns()
    stage.hears(customer, frames=1)
    stage.board.look(begun_ns + 20 * S)
    stage.board.tick(begun_s + 20, begun_ns + 20 * S)
    assert stage.without_audio == {}
    stage.board.tick(begun_s + 31, begun_ns + 31 * S)
    assert stage.without_audio == {"audiohook": 1}
    stage.board.conversation(info("a", "ended", source="audiohook", reason="ended"))
    for lease in (agent, customer):
        stage.leases.end(lease.number)
    stage.board.tick(begun_s + 32, begun_ns + 32 * S)
    assert stage.without_audio == {"audiohook": 0}
    assert [row["without_audio"] for row in stage.last("tick")["ended"]] == [False]


def test_without_followers_nothing_is_made_and_history_goes_on(stage):
    stage.feed.followed = False
    stage.call("a")
    stage.board.spotted("id-1", "a", "a", "external", spotted())
    stage.board.outcome("id-1", "transfer-me", "crm", "delivered")
    for _ in range(2):
        stage.board.tick(time.time(), time.monotonic_ns())
    assert stage.feed.told == []
    assert len(stage.board.state()["history"]["at"]) == 1
    stage.feed.followed = True
    assert tick(stage)["calls"] == []  # who comes now had the state


def test_a_lease_that_came_to_nothing_leaves_nothing(stage):
    (lease,) = stage.leases.take("a", ("external",), 0)
    stage.leases.end(lease.number)
    stage.board.look(0)
    assert stage.board.state()["shards"][0]["calls"] == 0


async def test_it_looks_and_ticks_by_itself_and_survives_a_fault(stage):
    stage.call("a")
    failing = iter([RuntimeError("once")])
    look = stage.board.look

    def look_or_fail(now_ns: int) -> None:
        if error := next(failing, None):
            raise error
        look(now_ns)

    stage.board.look = look_or_fail
    with capture_logs() as logs:
        running = asyncio.create_task(stage.board.run())
        try:
            await until(lambda: sum(kind == "tick" for kind, _ in stage.feed.told) >= 2)
        finally:
            running.cancel()
    assert [line["event"] for line in logs] == ["The live view has failed at a look"]
    assert [row["key"] for row in stage.feed.told[0][1]["calls"]] == ["a"]
