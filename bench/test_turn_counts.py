"""Gates on what has no noise, over the whole way of a frame: system calls, doorbells, messages, copies, work for the decoder.

A limit is what it costs today; README says why. Where a change makes a figure smaller, lower its limit with it.
"""

import os
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import webrtcvad
from vosk import _c as vosk_library
from vosk import _ffi as ffi

from bench.audio import call_samples, filled_ring
from bench.counting import calls, system_calls
from bench.turns import RINGS, Stage
from engine.audio.format import FRAME_BYTES, FRAME_SAMPLES
from engine.audio.ring import RingMemory, RingReader
from engine.shards.feed import RingFeed
from engine.speech.counters import Counters
from engine.speech.hearing import Hearing
from engine.speech.pipeline import BATCH_FRAMES, Pipeline

TURNS = 20  # of fifty rings, a batch of each: three thousand frames
SYSTEM_CALLS = {  # in these turns; what is not listed must not happen
    "posix.eventfd_write": 20,
    "select.poll.poll": 20,
    "posix.eventfd_read": 20,
    "time.thread_time": 125,
    "time.process_time": 40,
}
IDLE_CALLS = 28  # of a worker's turn that finds nothing in fifty rings
BUSY_CALLS = 3260  # what a batch of silence in each of them adds
DECODED_FRAMES = 1234  # of the 1560 of call-01: what the gate lets through, pre-rolls and hangovers included
LOOKS = 120  # at partial hypotheses in them
RUNS = {1: 1109, 3: 476, 25: 168}  # calls of the decoder, by frames per drain


def lost(frames: int) -> None:
    """Nothing may be."""
    raise AssertionError(frames)


def player(stage: Stage) -> Callable[[int], None]:
    """Return what plays so many turns: the worker hears what the last turn wrote, then a frame comes for each ring."""
    feeds = [RingFeed(ring, stage.bell, lost) for ring in stage.rings()]

    def turn() -> None:
        stage.work(1)
        for feed in feeds:
            feed.push(bytes(BATCH_FRAMES * FRAME_BYTES))

    def play(turns: int) -> None:
        stage.supervise(turn, turns)

    return play


def test_system_calls_per_thousand_frames(stage: Stage) -> None:
    play = player(stage)
    play(2)
    counted = system_calls(calls(lambda: play(TURNS + 1)))
    counted.subtract(system_calls(calls(lambda: play(1))))  # the loop's own start and end
    over = {name: count for name, count in counted.items() if count > SYSTEM_CALLS.get(name, 0)}
    assert over == {}
    assert counted["posix.eventfd_write"] == TURNS  # it did play


def calls_of_second_turn(stage: Stage) -> int:
    """Of two turns less those of one: what begins and ends them cancels out."""
    both, one = calls(lambda: stage.work(2)), calls(lambda: stage.work(1))
    return sum(both.values()) - sum(one.values())


def test_calls_per_idle_turn(stage: Stage) -> None:
    assert calls_of_second_turn(stage) <= IDLE_CALLS


def test_calls_per_busy_turn(stage: Stage) -> None:
    feeds = [RingFeed(ring, stage.bell, lost) for ring in stage.rings()]
    stage.work(1)
    idle = sum(calls(lambda: stage.work(1)).values())
    for feed in feeds:
        feed.push(bytes(BATCH_FRAMES * FRAME_BYTES))
    busy = sum(calls(lambda: stage.work(1)).values())
    assert {RingReader(ring).state.tail for ring in stage.rings()} == {BATCH_FRAMES}
    assert busy - idle <= BUSY_CALLS


def test_one_doorbell_for_fifty_rings(stage: Stage) -> None:
    feeds = [RingFeed(ring, stage.bell, lost) for ring in stage.rings()]
    assert len(feeds) == RINGS

    def push_all() -> None:
        for feed in feeds:
            feed.push(bytes(FRAME_BYTES))

    counted = calls(lambda: stage.supervise(push_all))
    assert counted["posix.eventfd_write"] == 1
    assert os.eventfd_read(stage.bell.fd) == 1


def test_silence_is_not_reported(stage: Stage) -> None:
    play = player(stage)
    play(50)
    assert {RingReader(ring).state.tail for ring in stage.rings()} == {49 * BATCH_FRAMES}
    assert not stage.told()


class Boundary:
    """Stands before webrtcvad and Vosk and notes what they are given: whether it lies in the ring, and how much of it."""

    def __init__(self, ring: RingMemory) -> None:
        self._frames = ring.frames
        self._address = ring.frames.ctypes.data
        self.copies = 0
        self.counts: Counter[str] = Counter()
        self.decoded_frames = 0

    def detector(self, mode: int) -> SimpleNamespace:
        """As `webrtcvad.Vad`."""
        is_speech = VAD(mode).is_speech

        def noted(row: Any, rate: int) -> bool:
            self.copies += not np.shares_memory(np.frombuffer(row, np.uint8), self._frames)
            self.counts["is_speech"] += 1
            return bool(is_speech(row, rate))

        return SimpleNamespace(is_speech=noted)

    def __getattr__(self, name: str) -> Any:
        """As Vosk's C library."""

        def noted(*arguments: Any) -> Any:
            self.counts[name] += 1
            return getattr(vosk_library, name)(*arguments)

        return noted

    def vosk_recognizer_accept_waveform_s(self, handle: Any, samples: Any, count: int) -> int:
        """As Vosk's."""
        begin = int(ffi.cast("uintptr_t", samples)) - self._address
        self.copies += not 0 <= begin <= begin + 2 * count <= self._frames.nbytes
        self.counts["accept"] += 1
        self.decoded_frames += count // FRAME_SAMPLES
        return int(vosk_library.vosk_recognizer_accept_waveform_s(handle, samples, count))


VAD = webrtcvad.Vad


def heard_through_a_boundary(hearing: Hearing, samples: bytes, limit: int) -> Boundary:
    """All of these samples, so many frames per drain, to the end of the channel."""
    ring = filled_ring(samples)
    boundary = Boundary(ring)
    with patch("webrtcvad.Vad", boundary.detector), patch("engine.speech.vosk_binding.c", boundary):
        pipeline: Pipeline = hearing.open("external", RingReader(ring), Counters())
        while pipeline.has_work:
            pipeline.drain(limit)
            pipeline.publish()
        pipeline.finish()
    return boundary


@pytest.mark.parametrize("limit", RUNS)
def test_speech_goes_into_the_libraries_without_a_copy_and_no_more_of_it_than_today(
    hearing: Hearing, limit: int
) -> None:
    samples = call_samples("call-01")
    boundary = heard_through_a_boundary(hearing, samples, limit)
    assert boundary.copies == 0
    assert boundary.counts["is_speech"] == len(samples) // FRAME_BYTES
    assert boundary.counts["vosk_recognizer_final_result"] >= 1  # it did decode
    assert boundary.counts["accept"] <= RUNS[limit]
    assert boundary.decoded_frames <= DECODED_FRAMES
    assert boundary.counts["vosk_recognizer_partial_result"] <= LOOKS
