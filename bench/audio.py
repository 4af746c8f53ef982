"""What the suites and the sweep hear: the committed calls, and rings that hold them.

Rings lie in plain memory here: the same views as in an arena, without a second process.
"""

from collections.abc import Sequence
from pathlib import Path

from engine.audio.format import FRAME_BYTES
from engine.audio.framer import Framer
from engine.audio.ring import RingMemory, RingWriter, ring_bytes, ring_memory
from engine.intake.wav_reader import open_recording
from engine.options import RuleOptions, SpeechOptions
from engine.simulator.options import SPEECH_DIR

MODEL = Path(__file__).parents[1] / "models" / "cueline-en-8k"
SPEECH = SpeechOptions(model_path=MODEL)


def samples_of(path: Path) -> bytes:
    """The first channel of a recording as 8 kHz, 16-bit samples; AudioFileError where it can't be read."""
    with open_recording(path) as recording:
        return b"".join(streams[0] for streams in recording.blocks())


def call_samples(name: str) -> bytes:
    """The samples of a committed call, such as `call-01`."""
    return samples_of(SPEECH_DIR / f"{name}.wav")


def new_ring(slots: int) -> RingMemory:
    """An empty ring."""
    return ring_memory(memoryview(bytearray(ring_bytes(slots))), 0, slots)


def filled_ring(samples: bytes, now_ns: int = 0) -> RingMemory:
    """A ring that holds exactly these samples, all unread."""
    memory = new_ring(len(samples) // FRAME_BYTES)
    lost = Framer(RingWriter(memory)).push(samples, now_ns)
    assert not lost
    return memory


def phrase_rules(phrases: Sequence[str]) -> list[RuleOptions]:
    """A rule with the default options for each phrase, named as `slug` does."""
    return [RuleOptions(name=slug(phrase), phrases=(phrase,)) for phrase in phrases]


def slug(phrase: str) -> str:
    """A rule's name for a phrase."""
    return phrase.replace(" ", "-")
