from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands.rules import Rules
from engine.options import RuleOptions
from engine.speech.events import PhraseSpotted

TRANSFER = RuleOptions(name="transfer", phrases=("transfer me",), sinks=("log", "hook"))
CANCEL = RuleOptions(name="cancel", phrases=("cancel my order",), sinks=("hook",))
SPOTTED = PhraseSpotted(
    rule="transfer",
    phrase="transfer me",
    text="please transfer me",
    confidence=0.93,
    fired_on="final",
    utterance_start_ms=1200,
    phrase_end_ms=2400,
    audio_position_ms=2500,
    phrase_end_ns=77,
)
AT = "2026-01-02T03:04:05.678Z"


def test_a_command_carries_the_key_the_sinks_and_everything_spotted():
    made = Rules((TRANSFER, CANCEL)).command_for("conv-1", "external", SPOTTED, AT)
    assert made is not None
    assert made.idempotency_key == "conv-1/external/transfer/1200"
    assert made.sinks == ("log", "hook")
    assert (made.conversation_id, made.channel, made.spotted_at) == ("conv-1", "external", AT)
    for name in (field.name for field in fields(SPOTTED)):
        assert getattr(made, name) == getattr(SPOTTED, name)


def test_a_replay_makes_no_second_command():
    rules = Rules((TRANSFER,))
    assert rules.command_for("conv-1", "external", SPOTTED, AT) is not None
    heard_again = replace(SPOTTED, fired_on="partial", confidence=None, phrase_end_ms=2440, phrase_end_ns=99)
    assert rules.command_for("conv-1", "external", heard_again, "2026-01-02T03:04:09Z") is None


@pytest.mark.parametrize(
    ("conversation_id", "channel", "change"),
    [
        ("conv-2", "external", {}),
        ("conv-1", "internal", {}),
        ("conv-1", "external", {"rule": "cancel"}),
        ("conv-1", "external", {"utterance_start_ms": 1220}),
    ],
)
def test_another_conversation_channel_rule_or_utterance_is_another_command(conversation_id, channel, change):
    rules = Rules((TRANSFER, CANCEL))
    assert rules.command_for("conv-1", "external", SPOTTED, AT) is not None
    assert rules.command_for(conversation_id, channel, replace(SPOTTED, **change), AT) is not None


def test_a_rule_that_was_not_configured_is_a_defect_of_the_caller():
    with pytest.raises(KeyError):
        Rules((CANCEL,)).command_for("conv-1", "external", SPOTTED, AT)


def test_the_oldest_key_is_forgotten_first():
    rules = Rules((TRANSFER,), remembered_keys=2)

    def at(start_ms: int) -> bool:
        spotted = replace(SPOTTED, utterance_start_ms=start_ms)
        return rules.command_for("conv-1", "external", spotted, AT) is not None

    assert [at(0), at(20), at(0)] == [True, True, False]
    assert [at(40), at(20), at(0)] == [True, False, True]


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["external", "internal"]), st.integers(0, 5))),
    st.integers(1, 30),
)
def test_commands_within_memory_are_one_per_key(spots, remembered_keys):
    rules = Rules((TRANSFER,), remembered_keys=remembered_keys)
    recent: list[tuple[str, str, int]] = []
    for conversation_id, channel, start_ms in spots:
        spotted = replace(SPOTTED, utterance_start_ms=start_ms)
        made = rules.command_for(conversation_id, channel, spotted, AT)
        spot = (conversation_id, channel, start_ms)
        assert (made is None) == (spot in recent)
        if made is not None:
            recent = [*recent, spot][-remembered_keys:]
