"""What a grammar costs by its size: `python -m bench.grammar`, about a minute.

Phrases beyond the six of the committed calls are pairs of the model's own words, drawn without those six's words, so that
what is heard in the calls stays the same. Each size runs in a process of its own: memory is read from it.
"""

import argparse
import json
import multiprocessing
import random
import time
from typing import Any

from rich.console import Console
from rich.progress import track

from bench.audio import MODEL, SPEECH, call_samples, phrase_rules
from bench.listening import hear, open_hearing
from bench.load.accounting import private_mb
from bench.tables import table_of
from engine.demo.stage import wanted_phrases
from engine.simulator.options import SPEECH_DIR

SIZES = (1, 10, 100, 1000)
CALLS = ("call-01", "call-05", "call-10")
ROUNDS = 2


def phrases_of(size: int) -> list[str]:
    """The calls' phrases first, then pairs of words."""
    known = wanted_phrases(SPEECH_DIR)
    taken = {word for phrase in known for word in phrase.split()}
    lines = (MODEL / "graph/words.txt").read_text(encoding="utf-8").splitlines()
    words = sorted(word for word in (line.split()[0] for line in lines) if word.isalpha() and word.islower())
    free = [word for word in words if word not in taken and len(word) > 2]
    draw = random.Random(1)
    pairs = dict.fromkeys(" ".join(draw.sample(free, 2)) for _ in range(2 * size))
    return [*known, *pairs][:size]


def measure(size: int) -> dict[str, Any]:
    """In a fresh process."""
    rules = phrase_rules(phrases_of(size))
    begun_s = time.monotonic()
    hearing = open_hearing(SPEECH, rules)
    load_s = time.monotonic() - begun_s
    pid, samples = multiprocessing.current_process().pid or 0, [call_samples(name) for name in CALLS]
    before = private_mb(pid)[pid]
    rounds = [[hear(hearing, each) for each in samples] for _ in range(ROUNDS)]
    return {
        "phrases": size,
        "load_s": load_s,
        "decode_ms_per_voiced_s": min(
            1000 * sum(heard.decode_s for heard in each) / sum(heard.voiced_s for heard in each) for each in rounds
        ),
        "heard": sum(len(heard.spotted) for heard in rounds[0]),
        "memory_mb": private_mb(pid)[pid],
        "of_which_hearing_mb": private_mb(pid)[pid] - before,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What a grammar costs by its size.")
    parser.add_argument(
        "--sizes", type=lambda text: tuple(map(int, text.split(","))), default=SIZES, metavar="1,10,100,1000"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    asked = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")
    for size in track(asked.sizes, "sizes", console=Console(stderr=True), transient=True):
        with context.Pool(1) as pool:
            rows.append(pool.apply(measure, (size,)))
    if asked.json:
        Console().out(json.dumps(rows), highlight=False)
    else:
        Console().print(table_of("grammars by size", rows))


if __name__ == "__main__":
    main()
