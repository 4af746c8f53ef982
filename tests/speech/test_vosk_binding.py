"""What is Vosk's own; its recognizers' contract stands in test_recognizer.py."""

from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.speech.vosk_binding import VoskModel
from tests.support.speech import MODEL, call_pcm, frames, manifest


def linked(tmp_path: Path, part: str, data: bytes | None) -> Path:
    """The shipped model by links, with one part replaced or left out."""
    for file in MODEL.rglob("*"):
        name = file.relative_to(MODEL)
        if file.is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).symlink_to(file)
    (tmp_path / part).unlink()
    if data is not None:
        (tmp_path / part).write_bytes(data)
    return tmp_path


def test_the_vocabulary(model: VoskModel) -> None:
    assert model.knows("transfer")
    assert not model.knows("transferzzz")
    assert not model.knows("")
    assert model.unknown_word == "[unk]"


def test_a_model_without_an_unknown_word_has_grammars_too(tmp_path: Path) -> None:
    words = (MODEL / "graph/words.txt").read_text().replace("[unk]", "[other]")
    model = VoskModel(linked(tmp_path, "graph/words.txt", words.encode()))
    assert model.unknown_word is None
    model.recognizer(("transfer me",)).accept(frames(bytes(3200)))


@pytest.mark.parametrize("part", ["am/final.mdl", "graph/words.txt", "conf/model.conf"])
def test_a_model_that_is_cut_short(tmp_path: Path, part: str) -> None:
    """Those cuts that Vosk itself can tell; for graphs see test_model.py."""
    data = (MODEL / part).read_bytes()
    path = linked(tmp_path, part, data[: int(len(data) * 0.63)])
    with pytest.raises(ModelError, match=f"model {path}: Vosk can't load it"):
        VoskModel(path)


def test_a_graph_that_fails_when_decoding_begins(tmp_path: Path) -> None:
    model = VoskModel(linked(tmp_path, "graph/Gr.fst", b"no graph"))
    with pytest.raises(ModelError, match="can't make a recognizer"):
        model.recognizer(None)


def test_a_grammar_hears_nothing_else(model: VoskModel) -> None:
    recognizer = model.recognizer(("stop recording",))
    recognizer.accept(frames(call_pcm("call-01.wav")))
    assert {word.text for word in recognizer.final().words} <= {"stop", "recording", "[unk]"}


def test_without_a_grammar_any_words_are_heard(model: VoskModel) -> None:
    talk = manifest()["calls"][0]["talk"][0]
    recognizer = model.recognizer(None)
    recognizer.accept(frames(call_pcm("call-01.wav"))[talk["start_ms"] // 20 : talk["end_ms"] // 20 + 20])
    said, heard = set(talk["sentence"].split()), set(recognizer.final().text.split())
    assert len(said & heard) >= len(said) / 2
