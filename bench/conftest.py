"""What all suites share: CPU time as the clock, the shipped model, and speech."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.audio import SPEECH, call_samples, phrase_rules
from bench.listening import open_hearing
from bench.turns import Stage, open_stage
from engine.audio.format import FRAME_BYTES
from engine.simulator.options import SPEECH_DIR
from engine.simulator.recordings import calls_from_speech
from engine.speech.hearing import Hearing

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure the CPU time of this process: other work on the machine then counts far less."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.benchmark(timer=time.process_time))


@pytest.fixture(scope="session")
def phrases() -> list[str]:
    """The six phrases of the committed calls."""
    return sorted({said.phrase for call in calls_from_speech(SPEECH_DIR) for said in call.said})


@pytest.fixture(scope="session")
def hearing(phrases: list[str]) -> Hearing:
    """The shipped model with all defaults, six rules."""
    return open_hearing(SPEECH, phrase_rules(phrases))


@pytest.fixture(scope="session")
def talk() -> bytes:
    """Ten seconds of a call that runs on nearly without pauses, with a phrase in it."""
    return call_samples("call-10")[: 500 * FRAME_BYTES]


@pytest.fixture
def stage(hearing: Hearing) -> Iterator[Stage]:
    """A supervisor's loop and a worker with 50 rings."""
    with open_stage(hearing) as stage:
        yield stage
