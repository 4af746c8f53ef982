"""One contract for Vosk's recognizer and for the scripted one that the pipeline's tests use; and the pool of either."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from engine.audio.ring import Frames
from engine.options import FRAME_MS
from engine.speech.phrases import Hypothesis
from engine.speech.recognizer import Recognizer, RecognizerPool
from engine.speech.vosk_binding import VoskModel
from tests.support.speech import ScriptedRecognizer, call_pcm, frames, manifest, script


@dataclass(frozen=True)
class Subject:
    """A recognizer, and audio in which it hears `transfer me` ending about `end_ms`."""

    make: Callable[[], Recognizer]
    audio: Frames
    end_ms: int

    def hear(self, recognizer: Recognizer, size: int = 5) -> list[Hypothesis]:
        """The partials, one after each run."""
        partials = []
        for at in range(0, len(self.audio), size):
            recognizer.accept(self.audio[at : at + size])
            partials.append(recognizer.partial())
        return partials


@pytest.fixture(params=["real", "scripted"])
def subject(request: pytest.FixtureRequest, model: VoskModel) -> Subject:
    if request.param == "scripted":
        return Subject(ScriptedRecognizer, frames(script("_*20 hello*10 transfer*15 me*10 _*30", 0.9)), 55 * FRAME_MS)
    said = manifest()["calls"][0]["said"][0]
    start = said["start_ms"] // FRAME_MS - 40
    audio = frames(call_pcm("call-01.wav"))[start : said["end_ms"] // FRAME_MS + 30]
    return Subject(lambda: model.recognizer(("transfer me",)), audio, said["end_ms"] - start * FRAME_MS)


def test_before_anything_is_heard(subject: Subject) -> None:
    recognizer = subject.make()
    assert recognizer.partial() == Hypothesis((), is_final=False)
    assert recognizer.final() == Hypothesis((), is_final=True)


def test_partials_grow_into_the_phrase(subject: Subject) -> None:
    partials = subject.hear(subject.make())
    assert not any(partial.is_final for partial in partials)
    assert partials[0].words == ()
    assert "transfer me" in partials[-1].text
    assert {(word.end_ms, word.confidence) for partial in partials for word in partial.words} == {(None, None)}


def test_a_final_has_times_and_confidences(subject: Subject) -> None:
    recognizer = subject.make()
    subject.hear(recognizer)
    final = recognizer.final()
    assert final.is_final
    assert "transfer me" in final.text
    ends = [word.end_ms or 0 for word in final.words]
    assert ends == sorted(ends)
    assert 0 < ends[0] <= ends[-1] <= len(subject.audio) * FRAME_MS
    assert all(0 < (word.confidence or 0) <= 1 for word in final.words)
    me = next(word for word in final.words if word.text == "me")
    assert me.end_ms == pytest.approx(subject.end_ms, abs=250)


def test_the_size_of_runs_changes_nothing(subject: Subject) -> None:
    finals = []
    for size in (1, 7, 1000):
        recognizer = subject.make()
        subject.hear(recognizer, size)
        finals.append(recognizer.final())
    assert finals[0] == finals[1] == finals[2]


def test_word_times_count_from_each_utterances_first_frame(subject: Subject) -> None:
    recognizer = subject.make()
    finals = []
    for _ in range(10):
        subject.hear(recognizer, 25)
        finals.append(recognizer.final())
        assert recognizer.partial() == Hypothesis((), is_final=False), "nothing is left of the last utterance"
    for final in finals[1:]:
        assert final.text == finals[0].text
        for word, first in zip(final.words, finals[0].words, strict=True):
            assert word.end_ms == pytest.approx(first.end_ms, abs=1)
            assert word.confidence == pytest.approx(first.confidence, abs=1e-4)


def test_an_utterance_without_audio_does_not_shift_the_next(subject: Subject) -> None:
    recognizer = subject.make()
    subject.hear(recognizer)
    first = recognizer.final()
    assert recognizer.final() == Hypothesis((), is_final=True)
    subject.hear(recognizer)
    again = recognizer.final()
    assert [word.end_ms for word in again.words] == pytest.approx([word.end_ms for word in first.words], abs=1)


def test_frames_are_only_read(subject: Subject) -> None:
    audio = subject.audio.copy()
    audio.flags.writeable = False
    subject.make().accept(audio)


def test_the_pool_makes_as_many_as_are_in_use() -> None:
    pool = RecognizerPool(ScriptedRecognizer, 100)
    first, second = pool.take(), pool.take()
    assert pool.alive == 2
    pool.give_back(first)
    assert pool.take() is first, "an idle one is taken before one is made"
    pool.give_back(second)
    assert pool.alive == 2


def test_the_pool_retires_what_was_used_enough() -> None:
    pool = RecognizerPool(ScriptedRecognizer, 2)
    first = pool.take()
    pool.give_back(first)
    assert pool.take() is first
    pool.give_back(first)
    assert pool.alive == 0
    assert pool.take() is not first


def test_the_pool_forgets_what_was_discarded() -> None:
    pool = RecognizerPool(ScriptedRecognizer, 100)
    first = pool.take()
    pool.discard(first)
    assert pool.alive == 0
    assert pool.take() is not first


def test_the_pool_lets_a_peaks_leftovers_go() -> None:
    """Ten at once, then two at a time: eight lie idle from one call to the next."""
    pool = RecognizerPool(ScriptedRecognizer, 100)

    def speak(at_once: int) -> None:
        taken = [pool.take() for _ in range(at_once)]
        for recognizer in taken:
            pool.give_back(recognizer)

    speak(10)
    pool.retire_idle()
    assert pool.alive == 10, "all were needed since the beginning"
    speak(2)
    pool.retire_idle()
    assert pool.alive == 2
    speak(2)
    pool.retire_idle()
    assert pool.alive == 2, "those that are used stay"
    pool.retire_idle()
    assert pool.alive == 0
    busy = pool.take()
    pool.retire_idle()
    pool.retire_idle()
    assert pool.alive == 1, "one in use is not idle"
    pool.give_back(busy)
    assert pool.take() is busy
