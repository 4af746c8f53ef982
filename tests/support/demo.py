"""For tests of the demo: literal calls, phrases and deliveries; recordings cut short; and processes found by a mark."""

import json
import os
import wave
from pathlib import Path

import psutil

from engine.demo.calls import PlayedCall
from engine.demo.figures import Reading
from engine.demo.scene import Machine, Result, Scene
from engine.demo.scoring import Delivery, SaidPhrase
from engine.demo.sessions import Sessions
from engine.options import Channel
from engine.simulator.options import SPEECH_DIR, Said

MS = 1_000_000  # ns
MARK = "TEST_OF_THE_DEMO"


def said(
    phrase: str = "transfer me",
    end_ms: int = 5000,
    conversation: str = "a",
    started_ms: int = 0,
    channel: Channel = "external",
) -> SaidPhrase:
    return SaidPhrase(conversation, f"call-{conversation}", phrase, end_ms, (started_ms + end_ms) * MS, channel)


def delivery(
    phrase: str = "transfer me",
    end_ms: int = 5000,
    conversation: str = "a",
    *,
    received_ms: int = 5300,
    signature_ok: bool = True,
    name: str = "",
    channel: Channel = "external",
) -> Delivery:
    name = name or f"{conversation}/{channel}/{phrase.replace(' ', '-')}/{end_ms}"
    return Delivery(name, conversation, phrase, end_ms, received_ms * MS, signature_ok, channel)


def call(
    conversation: str = "a", *phrases: tuple[str, int], started_ms: int | None = 0, ms: int = 10_000
) -> PlayedCall:
    """A call with phrases by their ends."""
    return PlayedCall(
        conversation_id=conversation,
        name=f"call-{conversation}",
        started_ns=None if started_ms is None else started_ms * MS,
        duration_ms=ms,
        said=tuple(Said(phrase=phrase, start_ms=max(0, end_ms - 800), end_ms=end_ms) for phrase, end_ms in phrases),
    )


def pair(conversation: str, *phrases: tuple[str, int, Channel]) -> PlayedCall:
    """A call of two recordings, with phrases by their ends and channels."""
    return PlayedCall(
        conversation_id=conversation,
        name=f"call-{conversation}+agent-{conversation}",
        started_ns=0,
        duration_ms=10_000,
        said=tuple(
            Said(phrase=phrase, start_ms=end_ms - 800, end_ms=end_ms, channel=channel)
            for phrase, end_ms, channel in phrases
        ),
        channels=("external", "internal"),
    )


def result(
    calls: tuple[PlayedCall, ...],
    deliveries: tuple[Delivery, ...],
    *,
    now_ms: int = 60_000,
    judged_ms: int | None = None,
    unreadable: int = 0,
    complaints: tuple[str, ...] = (),
    sessions: Sessions | None = None,
    **reading: object,
) -> Result:
    judged_ns = None if judged_ms is None else judged_ms * MS
    scene = Scene.of(calls, deliveries, Reading(**reading), now_ms * MS, judged_ns)
    return Result(scene, Path("/speech"), 42.0, Machine(2, "Some CPU"), unreadable, complaints, sessions)


def cut_speech(folder: Path, seconds: dict[str, int], more: dict[str, list[dict]] | None = None) -> Path:
    """The first seconds of some recordings, as a speech folder; `more` is claimed to be said too. Returns the folder."""
    manifest = json.loads((SPEECH_DIR / "manifest.json").read_text())
    calls = []
    for entry in manifest["calls"]:
        stem = entry["file"].removesuffix(".wav")
        if stem not in seconds:
            continue
        with wave.open(str(SPEECH_DIR / entry["file"])) as whole, wave.open(str(folder / entry["file"]), "wb") as part:
            part.setparams((1, 2, 8000, 0, "NONE", ""))
            part.writeframes(whole.readframes(8000 * seconds[stem]))
        within = [each for each in entry["said"] if each["end_ms"] <= 1000 * seconds[stem]]
        calls.append({"file": entry["file"], "said": within + (more or {}).get(stem, [])})
    (folder / "manifest.json").write_text(json.dumps({"phrases": manifest["phrases"], "calls": calls}))
    return folder


def marked(mark: str) -> list[tuple[int, list[str]]]:
    """Living processes, however deep, that were started with this mark in their environment: id and command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append((process.pid, process.cmdline()))
        except psutil.Error:  # gone, a zombie, or somebody else's
            continue
    return found
