"""`python -m bench.gate`: measure, compare with the baseline, exit with 1 where something has become slower.

What seems slower is measured again, alone and in a fresh process, before it fails: a burst of other work passes, a slow
function stays slow. `--rebase` writes the baseline anew from several runs; margins that were edited are kept.
Exit codes: 0 all pass, 1 the gate fails, 2 it could not be run.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.gate.runs import ROOT, Run, RunError, run
from bench.gate.verdict import (
    REBASE_HINT,
    Baseline,
    Mark,
    baseline_from_json,
    baseline_to_json,
    judge,
    lowest,
    rebase_table,
    rebased,
    table,
)

BASELINE = ROOT / "bench" / "baseline.json"
MORE_TRIES = 2
REBASE_RUNS = 5


class UsageError(Exception):
    """The baseline can't be used."""


def read_baseline(file: Path) -> dict[str, Mark]:
    """UsageError, naming file and fault."""
    try:
        return baseline_from_json(file.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"{file}: there is no baseline; {REBASE_HINT}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error


def measure(suites: Sequence[str], baseline: Baseline) -> Run:
    """Run the suites, then what seems slower again, alone; keep the lowest."""
    first = run(suites)
    ratios = first.ratios
    for _ in range(MORE_TRIES):
        slow = [verdict.name for verdict in judge(ratios, baseline) if verdict.standing == "slower"]
        if not slow:
            break
        say(f"measuring again: {', '.join(slow)}")
        ratios = lowest(ratios, run([first.nodes[name] for name in slow]).ratios)
    return Run(ratios, first.nodes, first.failures)


def check(suites: Sequence[str], file: Path) -> int:
    """Gate; the exit code."""
    baseline = read_baseline(file)
    measured = measure(suites, baseline)
    verdicts = judge(measured.ratios, baseline)
    if measured.failures:
        say(measured.failures)
    say(table(verdicts))
    failing = [verdict.name for verdict in verdicts if verdict.fails]
    if measured.failures:
        say("The gate fails: tests failed, see above.")
    if failing:
        say(f"The gate fails: {', '.join(failing)}.")
    if not failing and not measured.failures:
        say(f"The gate passes: {len(verdicts)} benchmarks within their margins, counts within their limits.")
    return 1 if failing or measured.failures else 0


def rebase(suites: Sequence[str], file: Path, count: int) -> int:
    """Write the baseline from so many runs; the exit code."""
    before = read_baseline(file) if file.exists() else {}
    runs = []
    for number in range(count):
        say(f"run {number + 1} of {count}")
        measured = run(suites)
        if measured.failures:
            say(f"{measured.failures}\nNothing is written: tests failed, see above.")
            return 1
        runs.append(measured.ratios)
    marks = rebased(runs, before)
    say(rebase_table(marks, before, runs))
    file.write_text(baseline_to_json(marks), encoding="utf-8")
    say(f"Written: {file}. Commit it with the reason.")
    return 0


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def main() -> int:
    """Read the arguments, gate or rebase."""
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description="Gate the hot functions' cost.")
    parser.add_argument("--rebase", action="store_true", help="write the baseline")
    parser.add_argument(
        "--runs",
        type=int,
        choices=range(1, 10),
        metavar="N",
        default=REBASE_RUNS,
        help=f"from so many runs; default: {REBASE_RUNS}",
    )
    parser.add_argument("--baseline", type=Path, default=BASELINE, help="default: bench/baseline.json")
    parser.add_argument("suite", nargs="*", default=["bench"], help="as pytest takes it; default: bench")
    arguments = parser.parse_args()
    try:
        if arguments.rebase:
            return rebase(arguments.suite, arguments.baseline, arguments.runs)
        return check(arguments.suite, arguments.baseline)
    except (UsageError, RunError) as error:
        print(f"bench.gate: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
