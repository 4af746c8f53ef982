"""The experiment that chose the defaults: `python bench/sweep.py`, `--help` for what can be varied.

Every combination of the given values hears the committed calls (what is said when is known) and talk without phrases,
where some is given with --talk, through the shipped pipeline. Decode costs are CPU time. Ctrl-C prints what there is so
far.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.audio import call_samples, samples_of
from bench.experiment import Explosion, Recording, Row, explode, settings, try_setting
from bench.tables import table_of
from bench.wear import WEAR, worn
from engine.simulator.options import SPEECH_DIR
from engine.simulator.recordings import calls_from_speech

# Fields of SpeechOptions, and what is tried where nothing else is asked for.
AXES = {
    "frames_per_chunk": (12, 18, 24, 36),
    "beam": (10,),
    "lattice_beam": (2,),
    "min_active": (50,),
    "background_words": (0, 115),
    "onset_ms": (60,),
    "preroll_ms": (300,),
    "hangover_ms": (400,),
}
STABLE_MS = (0, 100, 200)
UNBROKEN = ("call-10", "call-11", "call-12")  # they run on nearly without pauses
EXPLOSIONS = {"min_active": (200, 50, 20), "background_words": (0, 115)}


def facts(row: Row) -> dict[str, Any]:
    """A row as plain values."""
    tried = {name: getattr(row.setting, name) for name in AXES} | {"stable_ms": row.stable_ms}
    return {
        **tried,
        "background_words": len(row.setting.background_words),
        "said": row.calls.said,
        "heard": row.calls.heard,
        "missed": row.calls.missed,
        "false_alarms": row.calls.false_alarms,
        "talk_false_alarms": row.talk.false_alarms,
        "talk_false_alarms_per_hour": row.talk_false_per_hour,
        "latency_min_ms": min(row.calls.latencies_ms, default=None),
        "latency_p50_ms": row.calls.latency_ms(0.50),
        "latency_p95_ms": row.calls.latency_ms(0.95),
        "latency_max_ms": row.calls.latency_ms(1.00),
        "decode_ms_per_voiced_s": row.decode_ms_per_voiced_s,
        "decoded_percent": 100 * row.decoded_ratio,
    }


def explosion_facts(explosion: Explosion) -> dict[str, Any]:
    """One of the one-phrase runs as plain values."""
    return {
        "min_active": explosion.setting.min_active,
        "background_words": len(explosion.setting.background_words),
        "audio_s": explosion.heard.audio_s,
        "decode_s": explosion.heard.decode_s,
        "decode_ms_per_audio_s": 1000 * explosion.decode_s_per_audio_s,
        "cut_off": not explosion.heard.whole,
    }


def explosions(phrase: str, cpu_limit_s: float) -> Iterator[Explosion]:
    """A grammar of one phrase on unbroken talk, with more and less pruning."""
    recording = Recording(b"".join(map(call_samples, UNBROKEN)))
    for setting in settings(EXPLOSIONS):
        yield explode(setting, phrase, recording, cpu_limit_s)


def numbers(text: str) -> tuple[int, ...]:
    """Values of an axis, with commas between them."""
    return tuple(map(int, text.split(",")))


def arguments() -> argparse.Namespace:
    """What is asked for; an axis by its name."""
    parser = argparse.ArgumentParser(description="Hear the committed calls with every combination of settings.")
    for name, values in (AXES | {"stable_ms": STABLE_MS}).items():
        default = ",".join(map(str, values))
        parser.add_argument(f"--{name.replace('_', '-')}", type=numbers, default=values, metavar=default)
    parser.add_argument("--phrases", type=lambda text: text.split(","), help="default: all that the calls hold")
    parser.add_argument("--talk", type=Path, nargs="+", default=(), help="recordings that hold no phrase")
    parser.add_argument(
        "--wear", nargs="+", choices=WEAR, default=(), help="the calls made worse, in each of these ways"
    )
    parser.add_argument("--one-phrase-cpu-s", type=float, default=10.0, help="limit of each such run; 0 for none")
    parser.add_argument("--json", action="store_true", help="lines of JSON, as they come, instead of tables")
    return parser.parse_args()


def sweep(asked: argparse.Namespace, phrases: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row for each combination, as soon as it is heard."""
    whole = [
        (samples_of(call.wav), tuple(said for said in call.said if said.phrase in phrases))
        for call in calls_from_speech(SPEECH_DIR)
    ]
    calls = [
        Recording(*each) for each in (whole if not asked.wear else chain(*(worn(whole, kind) for kind in asked.wear)))
    ]
    talk = [Recording(samples_of(path)) for path in asked.talk]
    combinations = list(settings({name: getattr(asked, name) for name in AXES}))
    for setting in track(combinations, "settings", console=Console(stderr=True), transient=True):
        for row in try_setting(setting, phrases, asked.stable_ms, calls, talk):
            yield facts(row)


def found(asked: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row as soon as it is there, with the title of its table."""
    phrases = asked.phrases or sorted({said.phrase for call in calls_from_speech(SPEECH_DIR) for said in call.said})
    for row in sweep(asked, phrases):
        yield f"{len(phrases)} phrases in the committed calls", row
    if asked.one_phrase_cpu_s:
        for explosion in explosions(phrases[0], asked.one_phrase_cpu_s):
            yield f"a grammar of {phrases[0]!r} alone on unbroken talk", explosion_facts(explosion)


def main() -> None:
    """Hear, and print what was found: lines of JSON as they come, or tables at the end."""
    asked = arguments()
    tables: dict[str, list[dict[str, Any]]] = {}
    console = Console()
    with suppress(KeyboardInterrupt):
        for title, row in found(asked):
            tables.setdefault(title, []).append(row)
            if asked.json:
                console.out(json.dumps({"table": title, **row}), highlight=False)
    for title, rows in tables.items() if not asked.json else ():
        console.print(table_of(title, rows))


if __name__ == "__main__":
    main()
