from datetime import UTC, datetime
from typing import get_args

import pytest

from engine.intake.conversation import END_REASONS, TRANSITIONS, Conversation, ConversationInfo, EndReason
from engine.intake.outcomes import GIVEN_UP
from engine.metrics import LIVE_STATES, ConversationState, Metrics


class Clock:
    """A wall clock that moves a second at each look."""

    def __init__(self) -> None:
        self._second = -1

    def __call__(self) -> datetime:
        self._second += 1
        return datetime(2026, 11, 23, 12, 0, self._second, tzinfo=UTC)


def taken() -> tuple[Conversation, list[ConversationInfo], Metrics]:
    changes: list[ConversationInfo] = []
    metrics = Metrics()
    return Conversation("conv-1", "realtime", metrics, changes.append, now=Clock()), changes, metrics


def now_in(metrics: Metrics, state: str) -> float | None:
    return metrics.registry.get_sample_value("cueline_conversations", {"source": "realtime", "state": state})


def test_a_life_is_told_step_by_step():
    conversation, changes, metrics = taken()
    conversation.move("connecting")
    conversation.move("listening")
    conversation.heard(320)
    conversation.reopen("dropped")
    conversation.missed(700)
    conversation.move("listening")
    assert now_in(metrics, "listening") == 1
    conversation.end("ended", "the conversation has ended")
    assert [(info.state, info.since) for info in changes] == [
        ("checking", "2026-11-23T12:00:00.000Z"),
        ("connecting", "2026-11-23T12:00:01.000Z"),
        ("listening", "2026-11-23T12:00:02.000Z"),
        ("reconnecting", "2026-11-23T12:00:03.000Z"),
        ("listening", "2026-11-23T12:00:04.000Z"),
        ("ended", "2026-11-23T12:00:05.000Z"),
    ]
    assert conversation.info == ConversationInfo(
        conversation_id="conv-1",
        source="realtime",
        state="ended",
        reason="ended",
        message="the conversation has ended",
        since="2026-11-23T12:00:05.000Z",
        audio_ms=20,
        gap_ms=700,
        reconnects=1,
    )
    assert conversation.over
    assert [now_in(metrics, state) for state in LIVE_STATES] == [0] * len(LIVE_STATES)
    assert metrics.registry.get_sample_value("cueline_reconnects_total", {"reason": "dropped"}) == 1


def test_staying_is_no_change():
    conversation, changes, metrics = taken()
    conversation.move("checking")
    assert len(changes) == 1
    assert now_in(metrics, "checking") == 1


@pytest.mark.parametrize("reason", ["ended", "error"])
def test_what_has_left_does_not_come_back(reason):
    conversation, _, metrics = taken()
    conversation.end(reason, "over")
    with pytest.raises(ValueError, match="can't become listening"):
        conversation.move("listening")
    assert now_in(metrics, "listening") == 0


def test_the_law_is_kept():
    conversation, _, _ = taken()
    with pytest.raises(ValueError, match="checking can't become listening"):
        conversation.move("listening")


def test_the_tables_are_whole():
    assert set(END_REASONS) == set(get_args(EndReason))
    assert set(TRANSITIONS) == set(get_args(ConversationState))
    assert {state for state, after in TRANSITIONS.items() if after} == set(LIVE_STATES)
    assert set(END_REASONS.values()) == set(TRANSITIONS) - set(LIVE_STATES)
    assert set(GIVEN_UP.values()) <= set(END_REASONS)
