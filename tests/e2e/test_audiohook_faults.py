"""Every wrong thing that an AudioHook client may do, against a real engine: an answer of the protocol or a close, a counter, no harm.

One engine takes all of it, a good call beside it all the while. What each fault is counted as stands in COUNTS; the sum has to be
met exactly, so a fault that is not counted, or twice, shows. Waits are short here, in the server; clients wait for long.
"""

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest
import pytest_asyncio

from engine.simulator.audiohook import FAULTS, run_fault
from tests.support.commands import receiver
from tests.support.hooked import KEY, SECRET, good_call, hooked, rules_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG = """[audiohook]
open_timeout_s = 8.0
silence_timeout_s = 8.0
close_timeout_s = 4.0
"""
AT_ONCE = 12
SPEED = 2.0  # of the good call
BY_HAND = {"stops_reading"}  # its client would not see its end; test_audiohook_strange.py does

# What each is counted as; those that are not here are what a client may do.
COUNTS = {
    "half_open": "refused no_upgrade",
    "half_request": "refused no_upgrade",
    "no_websocket": "refused no_upgrade",
    "wrong_path": "refused path",
    "unknown_key": "refused key_unknown",
    "no_key": "refused key_missing",
    "no_session_id": "refused header_missing",
    "no_organization": "refused header_missing",
    "session_id_no_uuid": "refused header_malformed",
    "duplicate_key": "refused header_repeated",
    "duplicate_session_id": "refused header_repeated",
    "duplicate_organization": "refused header_repeated",
    "duplicate_signature": "refused header_repeated",
    "duplicate_signature_input": "refused header_repeated",
    "unsigned": "refused unsigned",
    "no_signature": "refused half_signed",
    "no_signature_input": "refused half_signed",
    "wrong_secret": "refused signature_wrong",
    "changed_path": "refused signature_wrong",
    "changed_query": "refused signature_wrong",
    "changed_authority": "refused signature_wrong",
    "changed_session_id": "refused signature_wrong",
    "short_signature": "refused signature_wrong",
    "clock_behind": "refused too_late",
    "expired": "refused too_late",
    "clock_ahead": "refused too_early",
    "short_nonce": "refused nonce_short",
    "replayed_nonce": "refused replayed",
    "other_algorithm": "refused algorithm",
    "loose_signature_input": "refused signature_malformed",
    "never_opens": "fault no_open",
    "audio_before_open": "fault audio_before_open",
    "open_twice": "ignored repeated",
    "open_wrong_id": "fault id",
    "open_wrong_seq": "fault seq",
    "open_other_organization": "fault organization",
    "open_without_conversation": "fault parameters",
    "open_without_participant": "fault parameters",
    "open_oversize": "fault too_large",
    "probe": "probe",
    "media_empty": "fault media",
    "media_unknown": "fault media",
    "not_json": "fault json",
    "not_utf8": "fault websocket",
    "not_object": "fault envelope",
    "deep_json": "fault json",
    "wrong_version": "fault version",
    "wrong_id": "fault id",
    "bad_position": "fault position",
    "no_parameters": "fault envelope",
    "seq_gap": "fault seq",
    "seq_repeat": "fault seq",
    "serverseq_ahead": "fault serverseq",
    "unknown_type": "ignored unknown_type",
    "missing_parameter": "fault parameters",
    "text_oversize": "fault too_large",
    "text_megabyte": "fault websocket",
    "binary_oversize": "fault too_large",
    "binary_megabyte": "fault websocket",
    "odd_stereo": "fault audio_size",
    "empty_audio": "ignored audio_empty",
    "half_frame": "fault gone",
    "unmasked_frame": "fault websocket",
    "reserved_opcode": "fault websocket",
    "audio_while_paused": "ignored audio_paused",
    "paused_twice": "ignored repeated",
    "audio_after_close": "ignored after_close",
    "ping_flood": "fault too_many",
    "text_flood": "fault too_many",
    "vanishes": "fault gone",
    "hangs_up": "fault gone",
    "goes_silent": "fault silent",
    "ignores_disconnect": "fault json",
    "closes_out_of_sequence": "fault seq",
    "never_closes": "fault lingered",
}
BESIDES = Counter({"fault no_close": 1})  # ignores_disconnect
LEGAL = {
    *("ping_before_open", "close_before_open", "media_some_unknown", "media_reversed", "tiny_audio"),
    *("fragmented_audio", "resumed_unpaused", "ping_after_close"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    """All faults, at most AT_ONCE at a time and the longest first, beside a good call, which is judged when they are over."""
    folder = tmp_path_factory.mktemp("faults")
    async with receiver() as hook, hooked(folder, config=CONFIG + rules_of(hook.url)) as it:
        gate, outcomes = asyncio.Semaphore(AT_ONCE), {}

        async def commit(name):
            async with gate:
                outcomes[name] = await run_fault(name, it.options())

        names = sorted(FAULTS.keys() - BY_HAND, key=lambda name: -FAULTS[name].patience_s)
        async with good_call(it, hook, SPEED):
            await asyncio.gather(*map(commit, names))
        yield SimpleNamespace(it=it, outcomes=outcomes, counts=await it.counts())


async def test_the_table_names_every_fault():
    assert COUNTS.keys() | LEGAL | BY_HAND == FAULTS.keys()
    assert not COUNTS.keys() & LEGAL


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in BY_HAND])
async def test_it_ends_as_the_protocol_allows(world, name):
    assert world.outcomes[name].as_expected, world.outcomes[name]


async def test_each_is_counted_as_what_it_is_and_once(world):
    wanted = Counter(COUNTS[name] for name in world.outcomes if name in COUNTS) + BESIDES
    floods = {"ignored too_many", "ignored unknown_type"}  # by the thousand
    assert {kind: count for kind, count in world.counts.items() if kind not in floods} == {
        kind: count for kind, count in wanted.items() if kind not in floods
    }
    assert all(world.counts[kind] > 1 for kind in floods)


async def test_who_disconnects_is_told_why_in_words_of_ours(world):
    told = {name: outcome.info for name, outcome in world.outcomes.items() if outcome.reason}
    assert told["seq_gap"] == "seq out of order"
    assert told["odd_stereo"] == "audio is not whole samples of all channels"
    assert all(told.values())
    assert all(outcome.reason in ("error", None) for name, outcome in world.outcomes.items() if "organiz" not in name)
    assert world.outcomes["open_other_organization"].reason == "unauthorized"


async def test_after_disconnect_a_close_with_any_number_is_answered(world):
    closing = [world.outcomes[name] for name in ("seq_gap", "seq_repeat", "closes_out_of_sequence", "text_flood")]
    assert all(outcome.closed for outcome in closing), closing


async def test_nothing_is_left_of_them_and_nothing_was_unexpected(world):
    _, body = await world.it.engine.ask("GET", "/v1/conversations")
    assert {info["state"] for info in body["conversations"]} == {"ended", "failed"}
    await until_no_sockets(world.it)
    assert (await world.it.engine.ask("GET", "/readyz"))[0] == 200
    log = world.it.engine.command
    assert not [line for line in log.events if line["level"] in ("error", "critical")]
    said = "\n".join([*log.err, *log.out])
    assert not [word for word in ("Traceback", KEY, SECRET, "nobody-knows-this-key", "+15550100") if word in said]


async def until_no_sockets(it):
    async with asyncio.timeout(30):
        while await it.sockets():
            await asyncio.sleep(0.02)
