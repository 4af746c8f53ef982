"""Whatever goes wrong on one conversation's way: a clear word about it, and the others go on.

One engine and one simulator serve all tests. Faults that know their conversation strike all at once, the others one by one.
"""

import asyncio
from types import SimpleNamespace

import pytest
import pytest_asyncio

from tests.support.commands import receiver
from tests.support.following import (
    QUICK,
    assert_heard,
    heard_in,
    hears,
    phrases_of,
    running,
    short_speech,
    simulator,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHRASES = "transfer me,cancel my order,stop recording,technical support,speak to a manager,close my account"
SPEED = 4  # a gap is measured in real time, and so much audio is lost meanwhile
SHORT_MS = 8000  # each call says one phrase by then
UNKNOWN = "00000000-0000-0000-0000-000000000000"
HEALTHY, ENDED = 1, 2
DROPPED = 9  # plays longer: what it says after the drop counts

# call → fault, and how the conversation leaves: reason, and words of the message
REFUSED = {
    3: ({"name": "api_403", "count": 100}, "not_visible", "conversation:view"),
    4: ({"name": "subscribe_403", "count": 100}, "not_visible", "live but not visible to this OAuth client"),
    5: ({"name": "subscribe_429", "count": 100}, "rate_limited", "429 on subscribe"),
}
OVERCOME = {
    6: {"name": "api_401"},
    7: {"name": "api_429"},
    8: {"name": "api_500", "count": 2},
    DROPPED: {"name": "drop_mid_call", "after_ms": 5600},  # in the middle of its first phrase
    10: {"name": "api_drop"},
    11: {"name": "garbage_json", "count": 3, "after_ms": 5000},
    12: {"name": "garbage_base64", "count": 3, "after_ms": 2000},
    13: {"name": "unknown_types", "count": 3, "after_ms": 4000},
    14: {"name": "odd_bytes", "count": 200},
    15: {"name": "subscribe_429"},
    16: {"name": "close_1011", "after_ms": 3000},
}
# Faults that strike whoever comes first, in this order: call → fault, the count of reopened sockets, how it leaves
IN_TURN = {
    18: ("upgrade_500", 1, "ended"),
    19: ("upgrade_429", 1, "ended"),
    20: ("upgrade_401", 1, "ended"),
    21: ("upgrade_403", 0, "forbidden"),
    22: ("connect_reject_401", 1, "ended"),
    23: ("connect_silence", 1, "ended"),
    24: ("connect_stall", 1, "ended"),
    25: ("slow_handshake", 1, "ended"),
    27: ("expired_token", None, "ended"),
    28: ("token_500", None, "ended"),
    29: ("token_429", None, "ended"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """A login server that fails twice, then all calls whose faults know them, followed to their ends."""
    speech = short_speech(tmp_path_factory.mktemp("speech"), {DROPPED: 18_000}, SHORT_MS)
    words = ("--speech", speech, "--calls", 34, "--speed", SPEED, "--fragment", 1000)
    async with receiver() as hook, simulator(*words, "--fault", "token_500", "--fault", "token_429") as cloud:
        for number, (fault, *_) in REFUSED.items():
            await cloud.arm(**fault, conversation_id=cloud.ids[number - 1])
        for number, fault in OVERCOME.items():
            await cloud.arm(**fault, conversation_id=cloud.ids[number - 1])
        await cloud.end(ENDED)
        numbers = (HEALTHY, HEALTHY, ENDED, *REFUSED, *OVERCOME)
        environment = cloud.follow(*numbers) | {"TARGET_KEYWORD": PHRASES, "CUELINE_WEBHOOK_URL": hook.url}
        environment["GENESYS_CONVERSATION_ID"] += f",{UNKNOWN}"
        async with running(environment, tmp_path_factory.mktemp("faults"), QUICK) as engine:
            it = SimpleNamespace(hook=hook, cloud=cloud, engine=engine)
            ids = [cloud.ids[number - 1] for number in dict.fromkeys(numbers)] + [UNKNOWN]
            ends = await asyncio.gather(*(engine.comes_to(each, "ended", "failed", timeout_s=60) for each in ids))
            it.ends = {info["conversation_id"]: info for info in ends}
            yield it


def said_by(number):
    until_ms = 18_000 if number == DROPPED else SHORT_MS
    number = (number - 1) % 17 + 1
    return [(phrase, end_ms) for phrase, end_ms in phrases_of(number) if end_ms <= until_ms]


async def armed(world):
    """Faults that have not struck even once."""
    return {fault["name"] for fault in await world.cloud.report("faults") if fault["left"] == fault["count"]}


async def test_what_is_well_goes_on(world):
    info = world.ends[world.cloud.ids[HEALTHY - 1]]
    assert (info["reason"], info["reconnects"], info["gap_ms"]) == ("ended", 0, 0)
    await hears(world.engine, world.hook, info["conversation_id"], said_by(HEALTHY))


async def test_named_twice_it_is_followed_once_and_that_is_said(world):
    first = world.cloud.ids[HEALTHY - 1]
    assert f"cueline: conversation {first} is named more than once; it is followed once" in world.engine.command.err
    await world.engine.command.says("conversation left", conversation_id=first)
    assert len(world.engine.command.logged("conversation left", conversation_id=first)) == 1


async def test_an_unknown_conversation_is_said_to_be_unknown(world):
    info = world.ends[UNKNOWN]
    assert (info["state"], info["reason"]) == ("failed", "not_found")
    assert "check its id and the region" in info["message"]


async def test_one_that_has_ended_is_said_to_have_ended(world):
    info = world.ends[world.cloud.ids[ENDED - 1]]
    assert (info["state"], info["reason"], info["audio_ms"]) == ("ended", "ended", 0)


@pytest.mark.parametrize("number", REFUSED)
async def test_what_stays_refused_fails_with_the_reason(world, number):
    _, reason, words = REFUSED[number]
    info = world.ends[world.cloud.ids[number - 1]]
    assert (info["state"], info["reason"]) == ("failed", reason)
    assert words in info["message"]
    line = await world.engine.command.says("conversation left", conversation_id=info["conversation_id"])
    assert (line["level"], line["message"]) == ("warning", info["message"])


@pytest.mark.parametrize("number", [number for number in OVERCOME if number != DROPPED])
async def test_what_passes_is_overcome(world, number):
    info = world.ends[world.cloud.ids[number - 1]]
    assert info["reason"] == "ended"
    await hears(world.engine, world.hook, info["conversation_id"], said_by(number))


async def test_what_is_said_after_a_drop_is_heard_and_the_gap_counted(world):
    info = world.ends[world.cloud.ids[DROPPED - 1]]
    assert (info["reason"], info["reconnects"]) == ("ended", 1)
    assert info["gap_ms"] > 0
    await world.engine.settled()
    heard = heard_in(world.hook, info["conversation_id"])
    assert_heard(heard[-2:], said_by(DROPPED)[1:], slack_ms=SPEED * info["gap_ms"])
    assert len(heard) <= 3


async def test_every_fault_has_struck_and_is_counted(world):
    assert await armed(world) == set()
    metric = world.engine.metric
    for reason, times in (("malformed_json", 3), ("bad_audio", 3), ("unknown_type", 3)):
        assert await metric("cueline_messages_ignored_total", reason=reason) == times
    assert await metric("cueline_conversations_ended_total", reason="not_visible") == 2
    assert await metric("cueline_conversations_ended_total", reason="not_found") == 1
    assert await metric("cueline_audio_gap_seconds_total") > 0


@pytest.mark.parametrize("number", IN_TURN)
async def test_a_fault_of_the_opening_is_overcome_or_explained(world, number):
    name, reconnects, reason = IN_TURN[number]
    if name.startswith("token"):
        await world.cloud.arm("expired_token")
    await world.cloud.arm(name)
    conversation_id = world.cloud.ids[number - 1]
    assert (await world.engine.follow(conversation_id))[0] == 201
    info = await world.engine.comes_to(conversation_id, "ended", "failed")
    assert (info["reason"], reconnects in (None, info["reconnects"])) == (reason, True), info
    if reason == "ended":
        await hears(world.engine, world.hook, conversation_id, said_by(number))
    else:
        assert "may not use the real-time socket" in info["message"]
        assert "conversation:view" in info["message"]
    assert name not in await armed(world)


async def test_after_all_that_it_is_ready_and_nothing_was_unexpected(world):
    assert (await world.engine.ask("GET", "/readyz"))[0] == 200
    assert not [line for line in world.engine.command.events if line["level"] in ("error", "critical")]
    assert "Traceback" not in "\n".join(world.engine.command.err)
    assert await world.engine.metric("cueline_worker_restarts_total") == 0
    assert await world.engine.metric("cueline_frames_dropped_total") == 0
