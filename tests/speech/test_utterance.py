import numpy as np
import pytest

from engine.audio.ring import RingReader, RingWriter
from engine.speech.cadence import Cadence
from engine.speech.utterance import Utterance
from tests.support.speech import ScriptedRecognizer, new_ring, script, write


def utterance(start: int, fed_from: int, fed: int) -> Utterance:
    return Utterance(ScriptedRecognizer(), start, fed_from, fed, Cadence())


def test_it_feeds_each_frame_once_also_over_the_wrap() -> None:
    memory = new_ring(8)
    writer, reader = RingWriter(memory), RingReader(memory)
    memory.header[:] = 0
    write(writer, script("_*6"))
    reader.publish(reader.state.__class__(6, 6, 0, 0, 0))
    write(writer, script("transfer*3 me*3"))
    heard = utterance(6, 6, 6)
    heard.feed(reader, 7)
    heard.feed(reader, 12)
    heard.feed(reader, 12)
    assert heard.fed == 12
    assert [(word.text, word.end_ms) for word in heard.recognizer.final().words] == [("transfer", 60), ("me", 120)]


def test_a_partial_comes_with_each_chunk() -> None:
    memory = new_ring(16)
    write(RingWriter(memory), script("hello*5 transfer*7"))
    heard = utterance(0, 0, 0)
    reader = RingReader(memory)
    assert list(heard.partials(reader, 4)) == []
    assert heard.next_look == 5
    assert [each.text for each in heard.partials(reader, 12)] == ["hello", "hello transfer"]
    assert (heard.fed, heard.next_look) == (12, 15)


@pytest.mark.parametrize(("end_ms", "frame"), [(0, 30), (1, 31), (20, 31), (21, 32), (200, 40), (999, 40)])
def test_the_end_of_a_word_counts_from_what_was_fed_and_never_past_it(end_ms: int, frame: int) -> None:
    assert utterance(start=10, fed_from=30, fed=40).frame_at(end_ms) == frame


def test_frames_reach_the_recognizer_without_a_copy() -> None:
    memory = new_ring(4)
    write(RingWriter(memory), script("hello*3"))
    seen: list[bool] = []

    class Watching(ScriptedRecognizer):
        def accept(self, run: np.ndarray) -> None:
            seen.append(np.shares_memory(run, memory.frames))

    Utterance(Watching(), 0, 0, 0, Cadence()).feed(RingReader(memory), 3)
    assert seen == [True]
