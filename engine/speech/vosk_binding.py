"""Vosk's only home: model, recognizer and their C calls.

Frames go to C straight from the ring (`vosk_recognizer_accept_waveform_s` on the row's memory, no copy). Word times count
from the recognizer's first sample ever, so a recognizer remembers how many it was given before this utterance.
Partial hypotheses are asked for without word times: with them Vosk leaves out the newest words until they are aligned,
which costs about a second (measured, see bench/README.md) and writes warnings to stderr.
"""

from pathlib import Path
from typing import Any

import orjson
import vosk
from vosk import _c as c
from vosk import _ffi as ffi

from engine.audio.format import FRAME_SAMPLES, SAMPLE_RATE
from engine.audio.ring import Frames
from engine.errors import ModelError
from engine.speech.phrases import HeardWord, Hypothesis

UNKNOWN_WORDS = ("[unk]", "<unk>", "<UNK>", "[UNK]", "<SPOKEN_NOISE>")  # the model's garbage word, by family


class VoskModel:
    """A loaded model; share it by forking after the load."""

    def __init__(self, path: Path, shown_as: Path | None = None) -> None:
        """Load from a folder that `model.prepared_model` gave; ModelError, naming `shown_as`, where Vosk refuses it."""
        vosk.SetLogLevel(-1)
        try:
            self._model: Any = vosk.Model(model_path=str(path))
        except Exception as error:
            raise ModelError(
                f"model {shown_as or path}: Vosk can't load it ({error}): it is broken or truncated"
            ) from error
        self.unknown_word = next((word for word in UNKNOWN_WORDS if self.knows(word)), None)

    def knows(self, word: str) -> bool:
        """Whether the model has the word; others are dropped silently from a grammar."""
        return bool(self._model.vosk_model_find_word(word) >= 0)

    def recognizer(self, grammar: tuple[str, ...] | None) -> "VoskRecognizer":
        """A recognizer for these phrases and the unknown word; for any words where `grammar` is None.

        ModelError where Vosk can't make one: it reads some of a model's files only now.
        """
        words = [*(grammar or ()), *([self.unknown_word] if self.unknown_word else [])]
        limits = () if grammar is None else (orjson.dumps(words).decode(),)
        try:
            handle = vosk.KaldiRecognizer(self._model, SAMPLE_RATE, *limits)
        except Exception as error:
            raise ModelError(f"model: Vosk can't make a recognizer of it ({error}); a graph is broken") from error
        handle.SetWords(True)
        return VoskRecognizer(handle)


class VoskRecognizer:
    """One utterance at a time: accept runs of frames, look at partials, take the final, begin again."""

    def __init__(self, handle: Any) -> None:
        self._owner = handle
        self._handle = handle._handle  # noqa: SLF001 (the wrapper offers no way in without a copy)
        self._samples = 0
        self._begun = 0

    def accept(self, run: Frames) -> None:
        """Hear frames, shape (n, FRAME_BYTES), contiguous; they are read, not kept."""
        count = len(run) * FRAME_SAMPLES
        c.vosk_recognizer_accept_waveform_s(self._handle, ffi.from_buffer("short[]", run), count)
        self._samples += count

    def partial(self) -> Hypothesis:
        """The best guess so far: words without times."""
        result = orjson.loads(ffi.string(c.vosk_recognizer_partial_result(self._handle)))
        text = result.get("partial", "")  # missing when nothing has been decoded yet
        return Hypothesis(tuple(map(HeardWord, text.split())), is_final=False)

    def final(self) -> Hypothesis:
        """End the utterance; the next `accept` begins another."""
        result = orjson.loads(ffi.string(c.vosk_recognizer_final_result(self._handle)))
        begun_s, self._begun = self._begun / SAMPLE_RATE, self._samples
        return Hypothesis(
            tuple(
                HeardWord(word["word"], _ms(word["end"] - begun_s), word["conf"], _ms(word["start"] - begun_s))
                for word in result.get("result", ())
            ),
            is_final=True,
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
