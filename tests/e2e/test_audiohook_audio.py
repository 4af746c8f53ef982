"""What becomes of audio that comes by AudioHook: each phrase once, on its channel, at its true place in the stream.

Positions are compared exactly between sessions that send the same speech in different ways, and within the manifest's precision
with what is said. Recordings are sent at once: nothing here depends on speed.
"""

from types import SimpleNamespace

import pytest
import pytest_asyncio

from tests.support.commands import receiver
from tests.support.hooked import SAMPLES_PER_MS, assert_spotted, hooked, rules_of, said, spotted

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTH = {"external": 1, "internal": 2}
UNTIL_MS = 14_000  # two phrases on each
BURST_MS = 20_000  # what Genesys keeps while it connects
EXTERNAL, INTERNAL = ("external",), ("internal",)


def offer(*channels, **changes):
    return {"type": "audio", "format": "PCMU", "channels": list(channels), "rate": 8000} | changes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """An engine, and the speech of BOTH as it is heard when it is sent in the simplest way."""
    async with (
        receiver() as hook,
        hooked(tmp_path_factory.mktemp("audio"), config=rules_of(hook.url)) as it,
    ):
        world = SimpleNamespace(it=it, hook=hook)
        async with it.call() as voice:
            voice.speak(UNTIL_MS, **BOTH)
        world.plain = await heard(world, voice)
        yield world


async def heard(world, voice):
    """All that was spotted in a session that has ended."""
    info = await world.it.engine.comes_to(voice.session_id, "ended")
    assert info["reason"] == "ended", info
    await world.it.engine.settled()
    return spotted(world.hook, voice.conversation_id)


def later(found, ms):
    return [(channel, phrase, end_ms + ms) for channel, phrase, end_ms in found]


async def test_two_channels_are_told_apart(world):
    assert_spotted(world.plain, said(UNTIL_MS, **BOTH))
    assert {channel for channel, _, _ in world.plain} == {"external", "internal"}


async def test_channels_the_other_way_round_are_heard_the_same(world):
    async with world.it.voice() as voice:
        opened = await voice.begin(media=[offer("internal", "external")])
        assert opened["media"] == [offer("internal", "external")]
        voice.speak(UNTIL_MS, **BOTH)
        await voice.close()
    assert await heard(world, voice) == world.plain


@pytest.mark.parametrize("channels", [EXTERNAL, INTERNAL])
async def test_one_channel_alone_is_heard_as_beside_another(world, channels):
    async with world.it.voice() as voice:
        await voice.begin(media=[offer(*channels)])
        voice.speak(UNTIL_MS, **{channel: BOTH[channel] for channel in channels})
        await voice.close()
    assert await heard(world, voice) == [each for each in world.plain if each[0] in channels]


async def test_of_what_is_offered_the_entry_with_both_is_taken_as_it_stands(world):
    media = [offer("external", rate=16_000), offer("external"), offer("internal", "external", later="field")]
    async with world.it.voice() as voice:
        opened = await voice.begin(media=media)
        assert opened["media"] == media[2:]
        await voice.close()


async def test_linear_audio_is_taken_where_it_is_all_that_is_offered(world):
    """L16, whose byte order nobody has written down: taken as little-endian, as Genesys' sample does."""
    media = [offer("external", format="L16")]
    async with world.it.voice() as voice:
        assert (await voice.begin(media=media))["media"] == media
        voice.send_audio(bytes(2 * 8000))
        voice.say("ping")
        await voice.expect("pong")
        voice.send_audio(bytes(3))
        assert (await voice.expect("disconnect")).parameters["info"] == "audio is not whole samples of all channels"
        await voice.close("disconnect")
    info = await world.it.engine.comes_to(voice.session_id, "failed")
    assert (info["reason"], info["audio_ms"]) == ("protocol", 1000)


@pytest.mark.parametrize("samples", [77, 160, 799])
async def test_messages_of_any_size_make_no_difference(world, samples):
    async with world.it.call() as voice:
        whole = voice.woven(UNTIL_MS, **BOTH)
        for at in range(0, len(whole), 2 * samples):
            voice.send_audio(whole[at : at + 2 * samples])
            if at % (2 * samples * 100) == 0:
                await voice.ping()
    assert await heard(world, voice) == world.plain


async def test_a_burst_of_20_s_right_after_open_loses_nothing(world):
    numbers = {"external": 3, "internal": 6}
    before = await world.it.counts()
    async with world.it.call() as voice:
        voice.speak(BURST_MS, **numbers)
        await voice.ping()
    burst = await heard(world, voice)
    assert_spotted(burst, said(BURST_MS, **numbers))
    info = await world.it.engine.info(voice.session_id)
    assert (info["audio_ms"], info["gap_ms"]) == (BURST_MS, 0)
    assert await world.it.counts() == before
    assert await world.it.engine.metric("cueline_frames_dropped_total") == 0
    assert await world.it.engine.metric("cueline_audiohook_backlog_seconds") == 0


async def test_a_stream_that_begins_later_has_later_positions(world):
    async with world.it.voice() as voice:
        await voice.connect()
        voice.dialogue.position = 5_000 * SAMPLES_PER_MS
        assert (await voice.open()).type == "opened"
        voice.speak(UNTIL_MS, **BOTH)
        await voice.close()
    assert await heard(world, voice) == later(world.plain, 5_000)


async def test_what_was_paused_or_discarded_moves_what_comes_after_it(world):
    """Paused after the first phrase of each channel, for 4 s."""
    at_ms, lost_ms = 8_000, 4_000
    async with world.it.call() as voice:
        voice.speak(at_ms, **BOTH)
        voice.say("paused")
        await voice.ping()
        await world.it.engine.comes_to(voice.session_id, "paused")
        voice.say("paused")  # again is nothing
        voice.lose(lost_ms, "resumed")
        await voice.ping()
        await world.it.engine.comes_to(voice.session_id, "listening")
        voice.speak(UNTIL_MS, at_ms, **BOTH)
    paused = await heard(world, voice)
    wanted = said(UNTIL_MS, **BOTH)
    assert_spotted(paused, [each if each[2] < at_ms else later([each], lost_ms)[0] for each in wanted])
    info = await world.it.engine.info(voice.session_id)
    assert (info["audio_ms"], info["gap_ms"]) == (UNTIL_MS, lost_ms)
    assert (await in_the_log(world, voice))[-4:-1] == [
        "conversation is heard",
        "conversation is paused",
        "conversation is heard",
    ]
    async with world.it.call() as voice:  # the same without a pause
        voice.speak(at_ms, **BOTH)
        voice.lose(lost_ms, "discarded")
        voice.speak(UNTIL_MS, at_ms, **BOTH)
    assert await heard(world, voice) == paused


async def test_nothing_is_glued_across_what_was_discarded(world):
    """The gap is in the middle of `transfer me`, on both sides of which its halves are said."""
    at_ms = 5_700
    async with world.it.call(channels=1) as voice:
        voice.speak(at_ms, external=1)
        voice.lose(3_000, "discarded")
        voice.speak(UNTIL_MS, at_ms, external=1)
    found = [(channel, phrase, end_ms - 3_000) for channel, phrase, end_ms in await heard(world, voice)]
    assert_spotted(found, [each for each in said(UNTIL_MS, external=1) if each[1] != "transfer me"])


async def in_the_log(world, voice):
    """All that is said of a session; its last line waits until its last audio was heard."""
    await world.it.engine.command.says("conversation left", session_id=voice.session_id)
    return [line["event"] for line in world.it.engine.command.events if line.get("session_id") == voice.session_id]
