import pytest

from engine.simulator.conversation import Conversation, iso
from engine.simulator.refusals import RefusalError


@pytest.fixture
def talk():
    return Conversation("abc", 1_700_000_000_000)


def who(talk, purpose):
    return [each for each in talk.participants if each.purpose == purpose][-1]


def test_times_are_rfc_3339_in_utc():
    assert iso(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"


def test_a_customer_talks_to_an_agent(talk):
    body = talk.as_conversation()
    assert body["id"] == "abc"
    assert [(each["purpose"], each["calls"][0]["state"]) for each in body["participants"]] == [
        ("customer", "connected"),
        ("agent", "connected"),
    ]
    assert [each["state"] for each in talk.as_call()["participants"]] == ["connected", "connected"]
    assert "endTime" not in body


def test_ids_are_the_same_in_every_run(talk):
    assert Conversation("abc", 5).participants[1].id == talk.participants[1].id
    assert len({each.id for each in talk.participants}) == 2


@pytest.mark.parametrize(
    ("body", "purpose", "names"),
    [
        ({"queueId": "q1"}, "acd", {"queueId": "q1"}),
        ({"userId": "u1", "transferType": "Unattended"}, "agent", {"userId": "u1"}),
        ({"address": "sip:desk@example.invalid"}, "external", {"address": "sip:desk@example.invalid"}),
    ],
)
def test_a_blind_transfer_replaces_the_agent(talk, body, purpose, names):
    agent = who(talk, "agent")
    joined = talk.transfer(agent.id, body, 1_700_000_005_000)
    assert (agent.state, agent.disconnect_type) == ("disconnected", "transfer")
    assert (joined.purpose, joined.state, joined.names) == (purpose, "connected", names)
    assert talk.live
    assert talk.as_conversation()["participants"][1]["endTime"] == "2023-11-14T22:13:25.000Z"


def test_an_attended_transfer_keeps_the_agent_until_it_is_answered(talk):
    agent = who(talk, "agent")
    joined = talk.transfer(agent.id, {"queueId": "q", "transferType": "Attended"}, 0)
    assert (agent.state, joined.state) == ("connected", "alerting")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"queueId": "q", "userId": "u"},
        {"queueId": ""},
        {"queueId": 7},
        {"queueId": "q", "transferType": "outdated_sdk_version"},
        {"transferType": None, "queueId": "q"},
    ],
)
def test_a_transfer_to_nowhere_is_a_bad_request(talk, body):
    with pytest.raises(RefusalError) as refused:
        talk.transfer(who(talk, "agent").id, body, 0)
    assert refused.value.status == 400
    assert who(talk, "agent").state == "connected"


def test_a_customer_can_not_be_replaced(talk):
    with pytest.raises(RefusalError, match="agent's participant"):
        talk.transfer(who(talk, "customer").id, {"queueId": "q"}, 0)


def test_who_has_left_can_not_be_transferred_or_hung_up(talk):
    agent = who(talk, "agent")
    talk.transfer(agent.id, {"queueId": "q"}, 0)
    for act in (lambda: talk.transfer(agent.id, {"queueId": "q"}, 0), lambda: talk.disconnect(agent.id, 0)):
        with pytest.raises(RefusalError) as refused:
            act()
        assert refused.value.status == 409


def test_an_unknown_participant_is_not_found(talk):
    with pytest.raises(RefusalError) as refused:
        talk.disconnect("nobody", 0)
    assert refused.value.status == 404


@pytest.mark.parametrize("purpose", ["customer", "agent"])
def test_the_last_but_one_to_hang_up_ends_the_call(talk, purpose):
    talk.disconnect(who(talk, purpose).id, 1_700_000_009_000)
    assert not talk.live
    assert {each.state for each in talk.participants} == {"disconnected"}
    assert talk.as_call()["endTime"] == "2023-11-14T22:13:29.000Z"
    assert {who(talk, purpose).disconnect_type} == {"client"}


def test_a_call_of_three_goes_on_when_one_hangs_up(talk):
    joined = talk.transfer(who(talk, "agent").id, {"queueId": "q", "transferType": "Attended"}, 0)
    joined.state = "connected"
    talk.disconnect(talk.participants[1].id, 0)
    assert talk.live


def test_the_end_comes_once(talk):
    talk.end(1_700_000_001_000)
    talk.end(1_700_000_002_000)
    assert talk.as_conversation()["endTime"] == "2023-11-14T22:13:21.000Z"


def test_attributes_are_merged(talk):
    talk.set_attributes(talk.participants[0].id, {"a": "1", "b": "2"})
    talk.set_attributes(talk.participants[0].id, {"b": "3"})
    assert talk.as_conversation()["participants"][0]["attributes"] == {"a": "1", "b": "3"}


@pytest.mark.parametrize("attributes", [None, [], {"a": 1}, "a"])
def test_attributes_are_strings(talk, attributes):
    with pytest.raises(RefusalError) as refused:
        talk.set_attributes(talk.participants[0].id, attributes)
    assert refused.value.status == 400
