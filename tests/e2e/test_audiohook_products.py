"""Genesys' products that speak AudioHook, each as it opens: probe, Monitor, Transcription Connector, Audio Connector.

The engine has no platform credentials: calls come by themselves.
"""

from types import SimpleNamespace
from uuid import UUID

import pytest
import pytest_asyncio

from engine.simulator.audiohook.options import NULL_ID
from tests.support.commands import receiver
from tests.support.following import MANIFEST
from tests.support.hooked import assert_spotted, hooked, rules_of, said, spotted

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    folder, quiet = tmp_path_factory.mktemp("products"), {"CUELINE_LOG_LEVEL": "debug"}
    async with receiver() as hook, hooked(folder, quiet, rules_of(hook.url)) as it:
        yield SimpleNamespace(it=it, hook=hook)


async def heard(world, voice):
    """All that was spotted in a session that has ended."""
    await world.it.engine.comes_to(voice.session_id, "ended")
    await world.it.engine.settled()
    return spotted(world.hook, voice.conversation_id)


@pytest.mark.parametrize("null", [("conversationId", NULL_ID), ("participant", {"id": NULL_ID})])
async def test_a_probe_with_either_null_id_is_answered_and_takes_nothing(world, null):
    _, before = await world.it.engine.ask("GET", "/v1/conversations")
    async with world.it.voice() as voice:
        opened = await voice.begin(**dict([null]))
        assert len(opened["media"]) <= 1
        await voice.ping()
        await voice.close()
    assert (await world.it.engine.ask("GET", "/v1/conversations"))[1] == before
    assert world.it.engine.command.logged("AudioHook probe answered", session_id=voice.session_id)
    assert [each.type for each in voice.heard] == ["opened", "pong", "closed"]


async def test_a_monitor_hears_nothing_but_answers(world):
    async with world.it.call(language="en-US") as voice:
        assert await world.it.engine.info(voice.session_id)
        async with world.it.call(language="fr-FR") as french:
            french.speak(8_000, external=1)
            await french.ping()
        voice.say("error", {"code": 429, "message": "+15550100 was too fast"})
        await voice.ping()
    assert [each.type for each in french.heard] == ["opened", "pong", "closed"]
    (line,) = world.it.engine.command.logged("AudioHook peer reports an error")
    assert (line["code"], line["session_id"]) == (429, voice.session_id)


async def test_transcripts_go_to_who_asks_for_a_language_of_ours(world):
    async with world.it.voice(product="transcription", language="en-GB") as voice:
        assert (await voice.begin())["supportedLanguages"] == ["en-US"]
        voice.speak(8_000, external=1)
        voice.send_silence(2)
        final = await final_with(voice, "transfer", channel=0)
        tokens = final["alternatives"][0]["interpretations"][0]["tokens"]
        (at,) = [seconds(token["offset"]) for token in tokens if token["value"] == "transfer"]
        start_ms = MANIFEST[0]["said"][0]["start_ms"]
        assert abs(at * 1000 - start_ms) < 500
        assert len({token["offset"] for token in tokens}) == len(tokens)
        voice.say("update", {"language": "es-ES"})
        await voice.expect("updated")
        voice.say("update", {"language": "en-US"})
        await voice.expect("updated")
        voice.speak(8_000, internal=2)
        voice.send_silence(2)
        final = await final_with(voice, "order", channel=1)
        assert 10 <= seconds(final["offset"]) < seconds(final["offset"]) + seconds(final["duration"]) <= 20
        await voice.close()
    assert [phrase for _, phrase, _ in await heard(world, voice)] == ["transfer me", "cancel my order"]


async def test_an_audio_connector_is_heard_and_its_keys_are_nobodys_business(world):
    async with world.it.call(product="connector", channels=1) as voice:
        for digit in "4929":
            voice.say("dtmf", {"digit": digit})
        voice.say("playback_started")
        voice.speak(8_000, external=1)
        voice.say("playback_completed")
        await voice.ping()
    assert_spotted(await heard(world, voice), said(8_000, external=1))
    assert [each.type for each in voice.heard] == ["opened", "pong", "closed"]
    assert not [line for line in world.it.engine.command.err if "digit" in line or "too fast" in line]


async def test_without_credentials_nothing_can_be_followed_by_its_id_and_that_is_said(world):
    status, body = await world.it.engine.follow("a-conversation")
    assert (status, body["reason"]) == (409, "credentials")
    assert "GENESYS_CLIENT_ID" in str(body)


async def final_with(voice, word, channel):
    """The next final hypothesis of this channel in which this word is."""
    while True:
        message = await voice.expect("event", timeout_s=30)
        for entity in message.parameters["entities"]:
            data = entity["data"]
            (best,) = data["alternatives"]
            assert UUID(data["id"])
            assert 0 <= best["confidence"] <= 1
            if data["isFinal"] and data["channelId"] == channel and word in best["interpretations"][0]["transcript"]:
                return data


def seconds(duration):
    return float(duration.removeprefix("PT").removesuffix("S"))
