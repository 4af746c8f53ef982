"""The committed calls as test material: what is said in them, and copies of them in other forms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from engine.model_manifest import embedded_model_path
from engine.options import RuleOptions, SpeechOptions
from engine.simulator.options import SPEECH_DIR

MANIFEST: dict[str, Any] = json.loads((SPEECH_DIR / "manifest.json").read_bytes())
CALLS: dict[str, dict[str, Any]] = {call["file"]: call for call in MANIFEST["calls"]}
WITH_PHRASES = [name for name, call in CALLS.items() if call["said"]]
WITHOUT_PHRASES = [name for name, call in CALLS.items() if not call["said"]]
SPEECH = SpeechOptions(model_path=embedded_model_path())
RULES = tuple(RuleOptions(name=phrase.replace(" ", "-"), phrases=(phrase,)) for phrase in MANIFEST["phrases"])


def call(name: str) -> Path:
    """A committed call: 8 kHz, 16-bit, mono."""
    return SPEECH_DIR / name


def samples(name: str, rate: int = 8000) -> NDArray[np.float64]:
    """A committed call's samples, -1 to 1, at another rate."""
    found, at = soundfile.read(call(name))
    return found if at == rate else soxr.resample(found, at, rate)


def said(name: str) -> list[str]:
    """Its phrases in order."""
    return [each["phrase"] for each in CALLS[name]["said"]]
