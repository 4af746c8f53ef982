"""One contract for webrtcvad and for the scripted detector that the pipeline's tests use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from engine.audio.format import FRAME_BYTES
from engine.audio.ring import Frames
from engine.speech.vad import Vad, WebrtcVad
from tests.support.speech import ScriptedVad, call_pcm, frames, manifest, script


@dataclass(frozen=True)
class Subject:
    """A detector, and audio that it has an opinion about."""

    make: Callable[[], Vad]
    speech: Frames
    silence: Frames
    refused: Frames


def real() -> Subject:
    said = manifest()["calls"][0]["said"][0]
    call = frames(call_pcm("call-01.wav"))
    speech = call[said["start_ms"] // 20 + 5 : said["end_ms"] // 20 - 5]
    return Subject(lambda: WebrtcVad(3), speech, np.zeros((50, FRAME_BYTES), np.uint8), np.zeros((1, 300), np.uint8))


def scripted() -> Subject:
    speech, silence, refused = (frames(script(text)) for text in ("hello*25", "_*50", "!"))
    return Subject(ScriptedVad, speech, silence, refused)


@pytest.fixture(params=[real, scripted])
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.param()


def test_one_verdict_for_each_frame(subject: Subject) -> None:
    vad = subject.make()
    assert vad.verdicts(subject.silence[:0]) == []
    assert len(vad.verdicts(subject.speech)) == len(subject.speech)


def test_speech_is_voiced_and_silence_is_not(subject: Subject) -> None:
    assert sum(map(bool, subject.make().verdicts(subject.speech))) > 0.6 * len(subject.speech)
    assert subject.make().verdicts(subject.silence) == [False] * len(subject.silence)


def test_cuts_change_nothing(subject: Subject) -> None:
    audio = np.concatenate([subject.silence, subject.speech, subject.silence])
    pieces = subject.make()
    one_by_one = [flag for at in range(len(audio)) for flag in pieces.verdicts(audio[at : at + 1])]
    assert one_by_one == subject.make().verdicts(audio)


def test_a_refused_frame_is_told_and_the_next_is_judged(subject: Subject) -> None:
    vad = subject.make()
    assert vad.verdicts(subject.refused) == [None]
    assert vad.verdicts(subject.silence) == [False] * len(subject.silence)


def test_frames_are_only_read(subject: Subject) -> None:
    audio = subject.speech.copy()
    audio.flags.writeable = False
    subject.make().verdicts(audio)


def test_a_higher_mode_hears_less_speech() -> None:
    call = frames(call_pcm("call-15.wav"))
    voiced = [sum(map(bool, WebrtcVad(mode).verdicts(call))) for mode in range(4)]
    assert voiced == sorted(voiced, reverse=True)
