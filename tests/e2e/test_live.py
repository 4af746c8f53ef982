"""The live feed of a running engine: two calls of the simulator, one of which loses its socket once, from the first look to the last."""

import asyncio
import contextlib
import itertools
from types import SimpleNamespace

import pytest
import pytest_asyncio

from engine.live_client import LiveClient
from tests.live.test_docs import fields
from tests.support.commands import receiver
from tests.support.following import EARLY_MS, LATE_MS, MANIFEST, QUICK, phrases_of, running, simulator
from tests.support.hooked import hooked, rules_of
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHRASES = ("transfer me", "cancel my order")
WHOLE, BROKEN = 1, 2  # calls, by number


async def follow(url, told):
    """Collect the events until the engine ends them; what it says is told in order."""
    async with contextlib.aclosing(LiveClient(url).events()) as events:
        async for event in events:
            told.append((event.kind, event.data))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    told, other = [], []
    async with receiver() as hook, simulator("--speed", 3) as cloud:
        await cloud.arm("drop_mid_call", conversation_id=cloud.ids[BROKEN - 1], after_ms=8000)
        environment = cloud.environment | {
            "GENESYS_CONVERSATION_ID": "",
            "CUELINE_WEBHOOK_URL": hook.url,
            "TARGET_KEYWORD": ",".join(PHRASES),
            "CUELINE_CONSOLE_TEXT": "true",
            "CUELINE_LOG_LEVEL": "debug",
        }
        async with running(environment, tmp_path_factory.mktemp("live"), QUICK) as engine:
            following = asyncio.create_task(follow(str(engine.http._base_url), told))
            await until(lambda: told)
            keys = [cloud.ids[number - 1] for number in (WHOLE, BROKEN)]
            for key in keys:
                assert (await engine.follow(key))[0] == 201
            for key in keys:
                await engine.comes_to(key, "ended", timeout_s=120)
            await engine.settled()
            await until(lambda: {key for _, data in told for key in data.get("left", ())} == set(keys))
            await asyncio.wait_for(follow_state(str(engine.http._base_url), other), 20)
            timelines = [(await engine.ask("GET", f"/v1/conversations/{key}/timeline"))[1] for key in keys]
            infos = [await engine.info(key) for key in keys]
            logged = list(engine.command.err)
        await asyncio.wait_for(following, 20)  # the engine has stopped
    yield SimpleNamespace(told=told, later=other[0], keys=keys, timelines=timelines, infos=infos, logged=logged)


async def follow_state(url, found):
    """The first event of another reader."""
    async with contextlib.aclosing(LiveClient(url).events()) as events:
        async for event in events:
            found.append((event.kind, event.data))
            return


def of(world, kind):
    return [data for name, data in world.told if name == kind]


async def test_it_begins_with_the_state(world):
    kinds = [kind for kind, _ in world.told]
    assert kinds[0] == "state"
    assert set(kinds) == {"state", "tick", "phrase", "command"}
    state = world.told[0][1]
    assert (state["calls"], state["phrases"], state["shows_text"]) == ([], [], True)
    assert [rule["phrases"] for rule in state["rules"]] == [[phrase] for phrase in PHRASES]
    assert state["engine"]["status"] == "ready"


async def test_every_phrase_and_command_is_told(world):
    for number, key in zip((WHOLE, BROKEN), world.keys, strict=True):
        said = phrases_of(number, *PHRASES)
        found = [(each["phrase"], each["phrase_end_ms"]) for each in of(world, "phrase") if each["key"] == key]
        if number == WHOLE:
            assert [phrase for phrase, _ in found] == [phrase for phrase, _ in said]
        assert found
    ids = [each["id"] for each in of(world, "phrase")]
    assert sorted((each["id"], each["sink"]) for each in of(world, "command")) == sorted(
        (one, sink) for one in ids for sink in ("log", "webhook")
    )
    assert {each["outcome"] for each in of(world, "command")} == {"delivered"}
    assert all(each["latency_ms"] >= 0 for each in of(world, "command"))
    assert all(each["phrase"] in each["text"] for each in of(world, "phrase"))


async def test_calls_are_told_from_their_first_state_to_their_last(world):
    for key, info in zip(world.keys, world.infos, strict=True):
        rows = [row for tick in of(world, "tick") for row in tick["calls"] + tick["ended"] if row["key"] == key]
        assert rows[-1]["state"] == "ended"
        assert rows[-1]["reason"] == info["reason"]
        assert rows[-1]["reconnects"] == info["reconnects"] == (key == world.keys[1])
        assert rows[-1]["gap_ms"] == info["gap_ms"]
        assert any(channel["speaking"] for row in rows for channel in row["channels"])
        assert rows[-1]["phrases"] == sum(each["key"] == key for each in of(world, "phrase"))


async def test_samples_follow_what_happened(world):
    samples = [tick["sample"] for tick in of(world, "tick") if tick["sample"]]
    assert max(sample["calls"] for sample in samples) == 2
    assert max(sample["frames_per_s"] for sample in samples) > 0
    assert max(sample["phrases_per_min"] for sample in samples) > 0
    assert any(sample["frame_p99_ms"] for sample in samples)
    assert any(sample["spot_p95_ms"] for sample in samples)


async def test_who_comes_later_gets_the_same_picture(world):
    kind, state = world.later
    assert kind == "state"
    assert state["calls"] == []
    assert {row["key"] for row in state["ended"]} == set(world.keys)
    assert [each["id"] for each in state["phrases"]] == [each["id"] for each in of(world, "phrase")]
    assert all({done["sink"] for done in each["deliveries"]} == {"log", "webhook"} for each in state["phrases"])
    assert len(state["history"]["at"]) == len(state["history"]["calls"]) > 1


async def test_a_timeline_has_speech_where_it_was_spoken(world):
    timeline, said = world.timelines[0], MANIFEST[WHOLE - 1]["said"]
    (channel,) = timeline["channels"]
    assert timeline["now_ms"] >= said[-1]["end_ms"]
    spans = channel["speech"]
    assert spans == sorted(spans)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    for each in said:
        assert any(start <= each["end_ms"] <= end + LATE_MS for start, end in spans), (each, spans)
    assert channel["gaps"] == []
    assert [phrase["phrase"] for phrase in channel["phrases"]] == [phrase for phrase, _ in phrases_of(WHOLE, *PHRASES)]
    for phrase in channel["phrases"]:
        assert any(start - EARLY_MS <= phrase["phrase_end_ms"] <= end + LATE_MS for start, end in spans)


async def test_a_timeline_has_the_gap_of_the_broken_socket(world):
    (channel,) = world.timelines[1]["channels"]
    ((where, missing),) = channel["gaps"]
    assert abs(missing - world.infos[1]["gap_ms"]) < 20  # in whole frames
    assert 0 < where < 12_000
    assert not any(start < where < end for start, end in channel["speech"])  # nothing is glued across it


async def test_each_shape_is_as_documented(world):
    tick = next(tick for tick in of(world, "tick") if tick["calls"] and tick["sample"])
    assert set(world.told[0][1]) == fields("STATE")
    assert set(tick) == fields("TICK")
    assert set(tick["engine"]) == fields("ENGINE")
    assert set(tick["shards"][0]) == fields("SHARD")
    assert set(tick["calls"][0]) == fields("CALL")
    assert set(tick["sample"]) == set(world.later[1]["history"]) == fields("SAMPLE")
    assert set(of(world, "phrase")[0]) == fields("PHRASE")
    assert set(of(world, "command")[0]) == fields("COMMAND")
    assert set(world.timelines[0]) == fields("TIMELINE")
    assert set(world.timelines[0]["channels"][0]) == fields("CHANNEL")


async def test_what_was_said_is_in_no_log(world):
    texts = {each["text"] for each in of(world, "phrase")} - set(PHRASES)
    assert texts
    assert not [line for line in world.logged for text in texts if text in line]


async def test_a_session_of_two_channels_with_audio_left_out(tmp_path):
    """Sent at once instead of in real time; what a look can miss then is only where speech began and ended."""
    told = []
    async with receiver() as hook, hooked(tmp_path, {}, rules_of(hook.url)) as it:
        following = asyncio.create_task(follow(str(it.engine.http._base_url), told))
        await until(lambda: told)
        async with it.call() as voice:
            voice.speak(8_000, external=1)
            voice.lose(2_000, "discarded")
            voice.speak(20_000, 10_000, external=1)
        await it.engine.comes_to(voice.session_id, "ended")
        await it.engine.settled()
        await until(lambda: any(voice.session_id in data.get("left", ()) for _, data in told))
        status, timeline = await it.engine.ask("GET", f"/v1/conversations/{voice.conversation_id}/timeline")
        logged = it.engine.command.logged("The live view has failed at a look")
    await asyncio.wait_for(following, 20)
    assert status == 200
    assert (timeline["key"], timeline["now_ms"]) == (voice.session_id, 20_000)
    assert [(each["channel"], each["gaps"]) for each in timeline["channels"]] == [
        (channel, [[8_000, 2_000]]) for channel in ("external", "internal")
    ]
    (ended,) = (row for _, data in told for row in data.get("ended", ()))
    assert (ended["source"], ended["gap_ms"], len(ended["channels"])) == ("audiohook", 2_000, 2)
    phrases = [data for kind, data in told if kind == "phrase"]
    assert {phrase["key"] for phrase in phrases} == {voice.session_id}
    assert {phrase["channel"] for phrase in phrases} == {"external"}
    assert not any("text" in phrase for phrase in phrases)
    assert logged == []
