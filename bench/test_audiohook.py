"""One AudioHook message with audio of both channels: taken apart alone, and from the socket all the way into the rings."""

from collections.abc import Sequence
from unittest.mock import create_autospec
from uuid import UUID

import numpy as np
import orjson
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.measuring import measure
from bench.test_feed import lost
from bench.turns import Stage
from engine.audio.format import FRAME_SAMPLES
from engine.audio.interleaved import TAKE_APART
from engine.audio.ulaw import SAMPLES
from engine.genesys.audiohook.events import AudioReceived, OpenAsked
from engine.genesys.audiohook.limits import SessionLimits
from engine.genesys.audiohook.session import AudioHookSession
from engine.intake.conversation import Conversation
from engine.intake.session_audio import Pump, SessionAudio
from engine.metrics import Metrics
from engine.shards.feed import RingFeed

MESSAGES = 25
NOW_S = 1.0
SESSION = str(UUID(int=1, version=4))
STEREO = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}


def messages_of(frames: int) -> list[bytes]:
    """So many frames of both channels each; no two alike."""
    noise = np.random.default_rng(1).integers(0, 256, (MESSAGES, frames * FRAME_SAMPLES * 2), np.uint8)
    return [row.tobytes() for row in noise]


def open_session() -> AudioHookSession:
    """A session that has got as far as audio."""
    session = AudioHookSession(SESSION, SESSION, SessionLimits())
    ids = {"organizationId": SESSION, "conversationId": SESSION}
    people = {"participant": {"id": SESSION, "ani": "", "aniName": "", "dnis": ""}}
    message = {"version": "2", "type": "open", "id": SESSION, "seq": 1, "serverseq": 0, "position": "PT0S"}
    (asked,) = session.receive_text(orjson.dumps(message | {"parameters": ids | people | {"media": [STEREO]}}), 0.0)
    assert isinstance(asked, OpenAsked)
    session.opened(asked.open.media[0])
    return session


@pytest.mark.parametrize("frames", [1, 5], ids=["20 ms", "100 ms"])
def test_take_apart_ulaw(benchmark: BenchmarkFixture, frames: int) -> None:
    """A message of this length becomes the samples of both channels; per message."""
    messages, take_apart = messages_of(frames), TAKE_APART["PCMU", 2]

    def take_all() -> list[tuple[bytes, ...]]:
        return [take_apart(message) for message in messages]

    taken = measure(benchmark, take_all, operations=MESSAGES)
    codes = np.frombuffer(messages[-1], np.uint8)
    assert taken[-1] == (SAMPLES[codes[0::2]].tobytes(), SAMPLES[codes[1::2]].tobytes())


def test_audiohook_message(benchmark: BenchmarkFixture, stage: Stage) -> None:
    """A message of 100 ms: judged by the session, taken apart, framed, written into two rings."""
    messages, metrics, rings = messages_of(5), Metrics(), stage.rings()[:2]
    pump = create_autospec(Pump, instance=True)

    def setup() -> tuple[AudioHookSession, SessionAudio, Sequence[RingFeed]]:
        feeds = [RingFeed(ring, stage.bell, lost) for ring in rings]
        conversation = Conversation("c", "audiohook", metrics, lambda _: None, session_id=SESSION)
        return open_session(), SessionAudio(conversation, feeds, TAKE_APART["PCMU", 2], 2, pump, metrics), feeds

    def receive_all(
        session: AudioHookSession, audio: SessionAudio, feeds: Sequence[RingFeed]
    ) -> tuple[int, list[int], bool]:
        def turn() -> None:
            for message in messages:
                (event,) = session.receive_audio(message, NOW_S)
                assert isinstance(event, AudioReceived)
                audio.push(event.data, NOW_S)

        stage.supervise(turn)
        return session.position_samples, [feed.queue_depth_frames for feed in feeds], pump.add.called

    heard = measure(benchmark, receive_all, setup, operations=MESSAGES)
    assert heard == (MESSAGES * 5 * FRAME_SAMPLES, [MESSAGES * 5] * 2, False)
