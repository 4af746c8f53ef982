"""Transcripts from a real worker with the real model, by lease."""

import os
import signal

from tests.support.shards import Ear, heard, play, recording, running_pool
from tests.support.waiting import until

ONE = ("external",)
BOTH = ("external", "internal")


def words_of(ear: Ear, channel: str) -> set[str]:
    finals = [transcript for place, transcript in ear.transcribed if place == channel and transcript.is_final]
    return {word.text for transcript in finals for word in transcript.words}


async def test_only_who_asked_is_told_and_each_channel_by_its_name(ear):
    first, second = recording(1), recording(2)
    (phrase, start_ms, end_ms), *_ = first.said
    (other, other_start_ms, other_end_ms), *_ = second.said
    async with running_pool(ear) as pool:
        asked = pool.lease("a", BOTH, on_transcript=ear.on_transcript)
        quiet = pool.lease("b", ONE)
        await play(asked.feed("external"), first.part(start_ms - 1500, end_ms + 1500))
        await play(asked.feed("internal"), second.part(other_start_ms - 1500, other_end_ms + 1500))
        await play(quiet.feed("external"), first.part(start_ms - 1500, end_ms + 1500))
        for lease in (asked, quiet):
            lease.release()
            assert await lease.heard(30)
        assert sorted(ear.phrases("a")) == sorted([phrase, other])
        assert ear.phrases("b") == [phrase]
    assert set(phrase.split()) <= words_of(ear, "external")
    assert set(other.split()) & words_of(ear, "internal")
    assert any(not transcript.is_final for _, transcript in ear.transcribed)
    told = len(ear.transcribed)
    async with running_pool(ear) as pool:
        quiet = pool.lease("b", ONE)
        await play(quiet.feed("external"), first.part(start_ms - 1500, end_ms + 1500))
        quiet.release()
        assert await quiet.heard(30)
    assert len(ear.transcribed) == told


async def test_the_end_of_a_call_is_transcribed_before_it_counts_as_heard(ear):
    call = recording(1)
    (phrase, start_ms, end_ms), *_ = call.said
    async with running_pool(ear) as pool:
        lease = pool.lease("a", ONE, on_transcript=ear.on_transcript)
        lease.feed("external").push(call.part(start_ms - 1000, end_ms))
        lease.release()
        assert await lease.heard(30)
        assert set(phrase.split()) <= words_of(ear, "external")


async def test_what_was_said_across_a_workers_death_is_transcribed(ear):
    call = recording(1)
    (_, start_ms, end_ms), *_ = call.said
    middle_ms = (start_ms + end_ms) // 2
    async with running_pool(ear) as pool:
        lease = pool.lease("a", ONE, on_transcript=ear.on_transcript)
        await play(lease.feed("external"), call.part(start_ms - 2500, middle_ms))
        await heard(lease.feed("external"))
        (old,) = pool.worker_pids
        os.kill(old, signal.SIGKILL)
        await until(lambda: pool.all_up and old not in pool.worker_pids, 30)
        await play(lease.feed("external"), call.part(middle_ms, end_ms + 1500))
        lease.release()
        assert await lease.heard(30)
        (reading,) = pool.readings()
    assert reading.restarts == 1
    assert {"transfer", "me"} <= words_of(ear, "external")
