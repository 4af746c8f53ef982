import dataclasses

import pytest
from pydantic import SecretStr

from engine.genesys.notification_messages import (
    ChannelOpened,
    ListQueues,
    LiveCall,
    LiveFound,
    OpenChannel,
    QueryLive,
    QueuesListed,
    Subscribe,
    TopicsHeld,
)
from engine.genesys.platform_messages import (
    CheckConversation,
    Checked,
    Configure,
    DescribeToken,
    Disconnect,
    Done,
    Failed,
    Forget,
    GetToken,
    LimitNeared,
    RateLimited,
    Ready,
    RenewalFailed,
    Retried,
    SetAttributes,
    TokenDescribed,
    TokenGiven,
    TokenRenewed,
    Transfer,
    TransferTarget,
    platform_codec,
)

DOWN = [
    Configure("http://login", "http://api", "id", SecretStr("secret-word"), 15.0),
    GetToken(1, 2.5),
    GetToken(1, 2.5, "secret-word"),
    DescribeToken(1, 2.5),
    CheckConversation(1, 2.5, "c"),
    Transfer(1, 2.5, "c", TransferTarget("address", "secret-word")),
    Disconnect(1, 2.5, "c", "agent"),
    SetAttributes(1, 2.5, "c", "customer", {"a": "secret-word"}),
    OpenChannel(1, 2.5),
    Subscribe(1, 2.5, "channel", ("t1", "t2")),
    QueryLive(1, 2.5, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 1, ("q",), ("u",)),
    ListQueues(1, 2.5, 1),
    Forget(1),
]
UP = [
    Ready(lean=True),
    TokenGiven(1, "secret-word"),
    TokenDescribed(1, "Org", ("conversation:view",)),
    TokenDescribed(2, "", ()),
    Checked(1, "no_voice"),
    ChannelOpened(1, "channel", "wss://host/secret-word", 3600.0),
    TopicsHeld(1, ("t2",)),
    LiveFound(1, (LiveCall("c", ("q",), ("u",)),), more=True),
    QueuesListed(1, ("q",), more=False),
    Done(1),
    Failed(1, "what", 429, 1.5, "no"),
    Failed(1, "what", 0, None, "unknown"),
    TokenRenewed(3.5),
    Retried("why", 500, 1, 0.5),
    LimitNeared(250, 300, 60),
    RateLimited(),
    RenewalFailed(),
]


def test_every_message_survives_its_packet():
    codec = platform_codec()
    assert {type(message) for message in [*DOWN, *UP]} == set(codec.classes)
    for message in [*DOWN, *UP]:
        assert codec.decode(codec.encode(message)) == message


def test_requests_and_answers_carry_a_number():
    for message in [*DOWN[1:], *UP[1:10]]:
        assert dataclasses.fields(message)[0].name == "number"


def test_no_message_shows_a_secret():
    assert "secret-word" not in repr([*DOWN, *UP])


@pytest.mark.parametrize(
    "packet", [b'["Checked", {"number": 1, "reason": "tired"}]', b'["Configure", {}]', b'["Done", {}]']
)
def test_what_is_no_message_is_an_error(packet):
    with pytest.raises(ValueError, match=r"message|valid"):
        platform_codec().decode(packet)
