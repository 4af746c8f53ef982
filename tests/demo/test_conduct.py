"""What the two processes are told, and a simulator that answers nonsense; the whole play is in tests/e2e/test_demo.py."""

import json
from pathlib import Path

import pytest

from engine.config import load
from engine.demo.conduct import STAGGER_ALL_MS, simulator_arguments
from engine.demo.receiver import Receiver
from engine.demo.scene import DemoOptions
from engine.demo.stage import audiohook_key, engine_settings, wanted_phrases
from engine.simulator.options import SPEECH_DIR

SIMULATED = {
    "GENESYS_CLIENT_ID": "id",
    "GENESYS_CLIENT_SECRET": "secret",
    "GENESYS_LOGIN_URL": "http://127.0.0.1:1",
    "GENESYS_API_URL": "http://127.0.0.1:1",
    "GENESYS_REALTIME_URL": "ws://127.0.0.1:1/rt",
    "GENESYS_CONVERSATION_ID": "a,b",
}


def stagger_ms(calls: int | None) -> int:
    return int(simulator_arguments(DemoOptions(Path("/speech"), calls, 120.0))[-1])


def test_calls_do_not_begin_in_step_nor_much_apart():
    assert stagger_ms(None) % 20
    assert stagger_ms(17) == stagger_ms(None)
    assert all(calls * stagger_ms(calls) <= STAGGER_ALL_MS for calls in (50, 100, 200))
    assert stagger_ms(200) > 0


@pytest.mark.parametrize(("manifest", "phrases"), [({"phrases": ["a b", "c"]}, ["a b", "c"]), ({"calls": []}, [])])
def test_the_manifest_says_what_to_listen_for(tmp_path, manifest, phrases):
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert wanted_phrases(tmp_path) == phrases


async def test_the_engine_takes_the_settings():
    phrases = wanted_phrases(SPEECH_DIR)
    async with Receiver() as receiver:
        options = load(None, SIMULATED | engine_settings(phrases, receiver))
        assert [sink.url for sink in options.sinks if sink.type == "webhook"] == [receiver.url]
    assert [rule.phrases[0] for rule in options.rules] == phrases
    assert all("webhook" in rule.sinks for rule in options.rules)
    assert (options.admin.port, options.genesys.conversation_ids) == (0, ("a", "b"))


async def test_without_phrases_the_engines_own_default_stands():
    async with Receiver() as receiver:
        assert "TARGET_KEYWORD" not in engine_settings([], receiver)


async def test_by_audiohook_the_engine_needs_a_key_and_no_credentials():
    key = audiohook_key()
    assert key != audiohook_key()
    async with Receiver() as receiver:
        options = load(None, key | engine_settings(["a b"], receiver))
    assert [each.signed for each in options.audiohook.keys] == [True]
    assert options.genesys.credentials is None


def test_calls_by_audiohook_connect_at_the_same_pace():
    words = simulator_arguments(DemoOptions(Path("/speech"), None, 120.0, "audiohook"))
    assert words[:2] == ["simulate", "audiohook"]
    assert "--stay" in words, "it is asked what it played once all is over"
    assert float(words[words.index("--rate") + 1]) == pytest.approx(1000 / stagger_ms(None), abs=0.001)
