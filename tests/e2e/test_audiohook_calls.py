"""AudioHook calls as conversations: commands on them, how they are shown, removed and continued.

A simulated platform stands behind the engine; its calls have the ids that the AudioHook sessions name.
"""

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio

from tests.support.commands import receiver
from tests.support.following import MANIFEST, delivered, simulator
from tests.support.hooked import KEY, SECRET, assert_spotted, hooked, rules_of, said, spotted

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMANDS = """
[[sinks]]
name = "over"
type = "genesys.transfer"
queue_id = "retention"

[[sinks]]
name = "note"
type = "genesys.attributes"
attributes = { heard = "{phrase}" }

[[rules]]
name = "leave"
phrases = ["close my account"]
channel = "external"
sinks = ["over", "note"]

[[rules]]
name = "agent-stops"
phrases = ["stop recording"]
channel = "internal"
sinks = ["note"]
"""
SECRETS = ("+15550100", "Simulated Customer", "+15550199")  # of `open`, as the simulator has them


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """Credentials are given: sinks act on calls. Nothing is followed by its id."""
    async with receiver() as hook, simulator("--calls", 4) as cloud:
        environment = cloud.environment | {"GENESYS_CONVERSATION_ID": "", "CUELINE_LOG_LEVEL": "debug"}
        config = rules_of(hook.url) + COMMANDS
        async with hooked(tmp_path_factory.mktemp("calls"), environment, config) as it:
            yield SimpleNamespace(it=it, hook=hook, cloud=cloud)


async def settled(world, voice, state="ended"):
    """What is known of the session, once it has left and all that came of it is done."""
    info = await world.it.engine.comes_to(voice.session_id, state)
    await world.it.engine.settled()
    return info


async def test_the_webhook_gets_the_promised_body_and_nothing_of_the_caller(world):
    async with world.it.call() as voice:
        voice.speak(8_000, external=1)
        listed = await world.it.engine.info(voice.conversation_id)
    assert (listed["source"], listed["session_id"], listed["state"]) == ("audiohook", voice.session_id, "listening")
    info = await settled(world, voice)
    assert (info["reason"], info["message"]) == ("ended", "closed by the peer, reason end")
    (got,) = (got for got in world.hook.received if voice.conversation_id.encode() in got.body)
    event = orjson.loads(got.body)
    data = event["data"]
    assert event["type"] == "cueline.phrase.spotted.v1"
    assert event["source"] == f"/conversations/{voice.conversation_id}"
    assert event["id"] == f"{voice.conversation_id}/external/transfer-me/{data['utterance_start_ms']}"
    assert (data["channel"], data["phrase"]) == ("external", "transfer me")
    assert not [word for word in SECRETS if word.encode() in got.body]


async def test_commands_act_on_the_call_through_the_platform(world):
    """Customer and agent say both phrases; each rule hears its own channel."""
    conversation_id = world.cloud.ids[0]
    async with world.it.call(conversation_id) as voice:
        voice.speak(8_000, external=3, internal=7)  # both: "close my account"
        voice.speak(18_000, 8_000, external=12, internal=2)
        voice.speak(24_000, 18_000, internal=2)  # "stop recording"
    await settled(world, voice)
    actions = [each for each in await world.cloud.report("actions") if each["conversation_id"] == conversation_id]
    kinds = [(each["kind"], each["details"].get("attributes")) for each in actions]
    assert sorted(kinds, key=str) == [
        ("attributes", {"heard": "close my account"}),
        ("attributes", {"heard": "stop recording"}),
        ("transfer", None),
    ]


async def test_removing_a_conversation_ends_all_its_sessions_and_that_is_final(world):
    async with world.it.voice() as first, world.it.voice() as second, world.it.call() as other:
        second.conversation_id = first.conversation_id
        await first.begin()
        await second.begin()
        removal = world.it.engine.ask("DELETE", f"/v1/conversations/{first.conversation_id}")
        removing = asyncio.create_task(removal)
        for voice in (first, second):
            told = await voice.expect("disconnect")
            assert told.parameters == {"reason": "completed", "info": "removed on request"}
            await voice.close("disconnect")
        assert await removing == (204, "")
        for voice in (first, second):
            info = await world.it.engine.info(voice.session_id)
            assert (info["state"], info["reason"]) == ("ended", "removed")
        assert await world.it.engine.ask("DELETE", f"/v1/conversations/{first.conversation_id}") != (204, "")
        await other.ping()


async def test_a_session_that_stands_is_not_taken_over_by_another_of_its_name(world):
    async with world.it.call() as first, world.it.voice() as second:
        await second.connect(replace(second.dialer.upgrade(), session_id=first.session_id))
        assert (await second.open()).parameters == {"reason": "error", "info": "this session is open already"}
        await second.close("disconnect")
        await first.ping()
        assert (await world.it.engine.info(first.session_id))["state"] == "listening"
        assert await world.it.engine.metric("cueline_conversations_refused_total", reason="duplicate") == 1


async def test_two_sessions_of_one_conversation_are_heard_beside_each_other(world):
    async with world.it.call(channels=1) as first, world.it.call(first.conversation_id, channels=1) as second:
        _, body = await world.it.engine.ask("GET", "/v1/conversations")
        here = [each for each in body["conversations"] if each["conversation_id"] == first.conversation_id]
        assert {(each["session_id"], each["state"]) for each in here} == {
            (first.session_id, "listening"),
            (second.session_id, "listening"),
        }
        first.speak(14_000, external=1)
        second.speak(14_000, external=4)
        assert await world.it.engine.ask("DELETE", f"/v1/conversations/{uuid4()}") != (204, "")
    await settled(world, first)
    await settled(world, second)
    wanted = said(14_000, external=1) + said(14_000, external=4)
    assert_spotted(spotted(world.hook, first.conversation_id), sorted(wanted, key=lambda each: each[2]))


async def test_the_same_speech_at_the_same_places_of_two_sessions_is_acted_on_once(world):
    """As two integrations send it, Monitor and Transcription Connector for one: the key of a command knows no session."""
    async with world.it.call(channels=1) as first, world.it.call(first.conversation_id, channels=1) as second:
        first.speak(14_000, external=1)
        second.speak(14_000, external=1)
    await settled(world, first)
    await settled(world, second)
    assert_spotted(spotted(world.hook, first.conversation_id), said(14_000, external=1))


@pytest.mark.parametrize("ending", ["reconnect", "vanish"])
async def test_what_a_continued_session_repeats_fires_nothing_twice(world, ending):
    """The new session begins with the last 20 s of the old one."""
    async with world.it.voice(channels=1) as old:
        await old.begin()
        old.speak(20_000, external=10)
        await old.ping()
        if ending == "vanish":
            old.vanish()
        else:
            await old.close("reconnect")
    await settled(world, old, "failed" if ending == "vanish" else "ended")
    last = {"id": old.session_id, "serverseq": old.dialogue.server_seq, "clientseq": old.dialogue.seq}
    async with world.it.voice(channels=1) as new:
        new.conversation_id = old.conversation_id
        await new.begin(continuedSessions=[last])
        new.speak(26_000, external=10)
        await new.close()
    await settled(world, new)
    assert_spotted(spotted(world.hook, old.conversation_id), said(26_000, external=10))


async def test_a_continued_session_that_begins_where_the_old_one_was_heard_goes_on(world):
    """Nothing is repeated; what comes later in the stream is new."""
    async with world.it.call(channels=1) as old:
        old.speak(14_000, external=1)
    await settled(world, old)
    async with world.it.voice(channels=1) as new:
        new.conversation_id = old.conversation_id
        await new.connect()
        new.dialogue.position = 8 * 14_000
        assert (await new.open(continuedSessions=[{"id": old.session_id}])).type == "opened"
        new.speak(28_000, 14_000, external=1)
        await new.close()
    await settled(world, new)
    assert_spotted(spotted(world.hook, old.conversation_id), said(28_000, external=1))


async def test_the_log_tells_of_sessions_and_nothing_of_callers(world):
    """The last of this module: all of it at debug level."""
    log = "\n".join([*world.it.engine.command.out, *world.it.engine.command.err])
    texts = [data["text"] for data in delivered(world.hook)]
    sentences = [each["sentence"] for call in MANIFEST for each in [*call["said"], *call["talk"]]]
    words = [*SECRETS, KEY, SECRET, *texts, *sentences, "digit", "too fast"]
    assert [word for word in words if word.lower() in log.lower()] == []
    for opened in world.it.engine.command.logged("AudioHook session opened"):
        await world.it.engine.command.says("conversation left", session_id=opened["session_id"])
        lines = world.it.engine.command.logged("conversation left", session_id=opened["session_id"])
        assert len(lines) == 1, opened
        assert UUID(opened["correlation_id"])
    assert not [line for line in world.it.engine.command.events if line["level"] in ("error", "critical")]
