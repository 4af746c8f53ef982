"""What is heard and how: the model, the decoder's limits, voice activity, utterances."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from engine.options.base import FRAME_MS, Options

Profile = Literal["low-latency", "balanced", "throughput", "model"]
PROFILES: dict[Profile, int | None] = {"low-latency": 12, "balanced": 18, "throughput": 36, "model": None}


class SpeechOptions(Options):
    """What a worker needs to hear phrases."""

    model_path: Path = Field(description="Folder of the Vosk model.")
    decoding: Literal["grammar", "free"] = Field(
        "grammar",
        description="`grammar`: only the rules' phrases can be heard; `free`: any words, 2 to 20 times dearer.",
    )
    profile: Profile = Field(
        "balanced",
        description="Audio computed at once: 120, 180, 360 ms, or the model's own. Less reacts sooner, more is cheaper.",
    )
    frames_per_chunk: int | None = Field(
        None, ge=1, le=300, description="The same in steps of 10 ms, instead of the profile's."
    )
    beam: float | None = Field(
        10.0, gt=0, le=100, description="How much less likely than the best a path may be and still be followed."
    )
    lattice_beam: float | None = Field(
        2.0, gt=0, le=100, description="The same for what word confidences are worked out from."
    )
    min_active: int | None = Field(
        50,
        ge=1,
        le=10_000,
        description="Fewest decoder states kept. Small grammars need few: with a model's own 200 the beam never prunes them.",
    )
    background_words: Literal["english"] | tuple[str, ...] = Field(
        "english",
        description="Words that compete with the phrases in a grammar, against false alarms: a built-in list, or your own.",
    )
    vad_mode: int = Field(3, ge=0, le=3, description="webrtcvad aggressiveness.")
    onset_ms: int = Field(60, ge=FRAME_MS, le=1000, description="Voiced audio in a row that opens an utterance.")
    preroll_ms: int = Field(300, ge=0, le=2000, description="Audio before the onset that the recognizer hears too.")
    hangover_ms: int = Field(400, ge=FRAME_MS, le=3000, description="Unvoiced audio in a row that ends an utterance.")
    max_utterance_ms: int = Field(20_000, ge=1000, le=120_000, description="An utterance is cut here.")
    recognizer_max_utterances: int = Field(200, ge=1, description="A recognizer is replaced after so many utterances.")

    @property
    def chunk_frames(self) -> int | None:
        """Kaldi's `frames-per-chunk` (steps of 10 ms): what is set, else the profile's; None leaves the model's."""
        return self.frames_per_chunk or PROFILES[self.profile]
