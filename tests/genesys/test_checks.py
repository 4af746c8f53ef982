import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.checks import ConversationCheck, check_of, participant_of, transfer_participant


def person(purpose, state="connected", identity=None, **more):
    return {"id": identity or purpose, "purpose": purpose, "calls": [{"state": state}], **more}


def conversation(*participants, **more):
    return {"id": "c", "participants": list(participants), **more}


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        (conversation(person("customer")), "live"),
        (conversation(person("customer", "disconnected"), person("agent", "connected")), "live"),
        (conversation(person("customer", "alerting")), "live"),
        (conversation(person("customer", "a state of tomorrow")), "live"),
        (conversation({"id": "p", "purpose": "customer", "state": "connected"}), "live"),
        (conversation({"id": "p", "purpose": "customer"}), "live"),
        ({"id": "c"}, "live"),
        (conversation(person("customer", "DISCONNECTED"), person("agent", "terminated")), "ended"),
        (conversation({"id": "p", "purpose": "customer", "state": "disconnected"}), "ended"),
        (conversation(person("customer", endTime="2026-01-01T00:00:00Z")), "ended"),
        (conversation({"id": "p", "calls": [{"state": "connected", "disconnectedTime": "2026"}]}), "ended"),
        (conversation(person("customer"), endTime="2026-01-01T00:00:00Z"), "ended"),
        ({"id": "c", "state": "terminated"}, "ended"),
        (conversation(), "no_voice"),
        (conversation({"id": "p", "calls": [], "chats": [{"state": "connected"}]}), "no_voice"),
        (conversation({"id": "p", "messages": [{"state": "connected"}]}), "no_voice"),
        (conversation({"id": "p", "calls": []}), "no_voice"),
        (conversation("garbage", None, 7), "no_voice"),
        (conversation({"id": "p", "state": 7, "calls": "garbage"}), "live"),
    ],
)
def test_what_a_conversation_says(shown, reason):
    assert check_of(shown) == ConversationCheck(live=reason == "live", reason=reason)


def test_participants_for_actions_are_live_ones():
    shown = conversation(
        person("agent", "disconnected", "gone"),
        person("customer", "connected", "caller"),
        person("agent", "alerting", "called"),
        person("user", "connected", "user"),
        person("agent", "connected", "talking"),
        person("ivr", "connected", "menu"),
    )
    assert participant_of(shown, "customer") == "caller"
    assert participant_of(shown, "agent") == "talking"
    assert transfer_participant(shown) == "talking"


def test_external_parties_count_as_customers():
    assert participant_of(conversation(person("external")), "customer") == "external"


def test_a_transfer_falls_back_to_queue_and_menu_but_never_to_the_customer():
    waiting = conversation(person("ivr"), person("acd"), person("customer"))
    assert transfer_participant(waiting) == "acd"
    assert participant_of(waiting, "agent") is None
    assert transfer_participant(conversation(person("ivr"), person("customer"))) == "ivr"
    assert transfer_participant(conversation(person("customer"))) is None


@pytest.mark.parametrize(
    "participant",
    [
        {"purpose": "agent", "calls": [{"state": "connected"}]},
        {"id": 7, "purpose": "agent", "state": "connected"},
        {"id": "a", "purpose": "agent", "chats": [{"state": "connected"}]},
        {"id": "a", "purpose": "agent", "state": "terminated"},
        {"id": "a", "purpose": 7, "state": "connected"},
    ],
)
def test_no_participant_without_id_voice_and_life(participant):
    assert participant_of(conversation(participant), "agent") is None


def test_no_participant_without_participants():
    assert participant_of({}, "customer") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["participants", "calls", "state", "purpose", "id", "endTime"]), inner, max_size=4
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["participants", "state", "endTime"]), JSON))
def test_no_shape_breaks_it(shown):
    assert check_of(shown).reason in {"live", "ended", "no_voice"}
    transfer_participant(shown)
