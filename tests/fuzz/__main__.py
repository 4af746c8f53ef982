"""`python -m tests.fuzz --inputs N [--target NAME] [--seconds S]`: coverage-guided inputs for every target, and a table.

Ends with 0 where all is well, 1 with a find or with memory that grew, 2 where it can't run. `--input FILE --target NAME` feeds
one file, as a find leaves it, and shows what comes of it. Ctrl-C ends the target at hand, prints what there is and ends with 130.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import io
import multiprocessing
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.child import Standing, Task, fuzz, input_at_hand
from tests.fuzz.target import memory

MOST_GROWTH_MB = 32.0  # from the warm-up to the end; libFuzzer's own corpus is in it
LOOK_EVERY_S = 0.2
INTERRUPTED = 130
STOPPED: list[int] = []  # the signals that came: the handler only notes, `run` acts
FINDS = Path("var") / "fuzz"
MISSING = (
    "atheris is not installed here: it has wheels for Linux on x86-64 and CPython 3.11 to 3.13 only. "
    "The hypothesis tests (pytest tests/fuzz) run everywhere."
)


@dataclass(frozen=True, slots=True)
class Done:
    """One target's row of the table."""

    name: str
    documented: str
    standing: Standing
    find: Path | None

    @property
    def grew_mb(self) -> float:
        """Resident memory that was added after the warm-up."""
        return self.standing.now_mb - self.standing.before_mb if self.standing.now_mb else 0.0

    @property
    def well(self) -> bool:
        """No find, no growth."""
        return self.find is None and self.grew_mb <= MOST_GROWTH_MB


def shares(weights: Sequence[int], inputs: int) -> list[int]:
    """So many inputs for each weight, in proportion; all of them together."""
    total, given, summed = sum(weights), 0, 0
    counts = []
    for weight in weights:
        summed += weight
        counts.append(inputs * summed // total - given)
        given += counts[-1]
    return counts


def run(task: Task) -> Done:
    """One target in a process of its own, from start to end; Interrupted where Ctrl-C came."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=fuzz, args=(task, theirs), daemon=True)
    process.start()
    theirs.close()
    standing = Standing(0, 0.0, 0.0, 0.0, 0.0)
    documented = _names(task.target.documented)
    while not STOPPED:
        if not ours.poll(LOOK_EVERY_S):
            continue
        try:
            standing = ours.recv()
        except EOFError:  # it has ended
            process.join()
            return Done(task.target.name, documented, standing, _kept(task) if process.exitcode else None)
        _show(f"{task.target.name:15} {standing.inputs:>10,} of {task.inputs:,} in {standing.seconds:.0f} s")
    process.kill()
    process.join()
    raise Interrupted(Done(task.target.name, documented, standing, None))


class Interrupted(Exception):  # noqa: N818 - it is no error
    """Ctrl-C, with how far the target at hand was."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self.done = done


def _kept(task: Task) -> Path:
    """The input that a process ended at, whatever ended it, as a file; its log beside it."""
    data = input_at_hand(task)
    find = task.folder / f"{task.target.name}-{hashlib.sha256(data).hexdigest()[:12]}"
    find.write_bytes(data)
    shutil.copy(task.scratch / f"{task.target.name}.log", find.with_suffix(".log"))
    return find


def _names(documented: tuple[type[Exception], ...]) -> str:
    return ", ".join(kind.__name__ for kind in documented) or "none"


def _show(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


HEAD = (
    f"{'target':15} {'inputs':>10}  {'documented':22} {'seconds':>8} {'slowest ms':>10} {'MB before':>9} {'after':>7}"
)


def row(done: Done) -> str:
    """One line of the table."""
    told = done.standing
    verdict = "" if done.well else ("  GREW" if done.find is None else f"  FIND {done.find}")
    after = f"{told.now_mb:7.1f}" if told.now_mb else "      –"
    return (
        f"{done.name:15} {told.inputs:>10,}  {done.documented:22} {told.seconds:>8.1f} "
        f"{told.slowest_s * 1000:>10.1f} {told.before_mb:>9.1f} {after}{verdict}"
    )


def _all(names: Sequence[str], inputs: int, seconds: float, folder: Path) -> int:
    import atheris

    print("Instrumenting engine ...", file=sys.stderr)
    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["engine"]):
        from tests.fuzz.targets import TARGETS
    if unknown := set(names) - set(TARGETS):
        print(f"no target {min(unknown)}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    targets = [TARGETS[name] for name in names or TARGETS]
    folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGINT, lambda number, _: STOPPED.append(number))
    counts = shares([target.weight for target in targets], inputs)
    ends_s, all_done, ended = time.monotonic() + seconds, [], 0
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=memory()) as scratch:
        try:
            for index, (target, count) in enumerate(zip(targets, counts, strict=True)):
                left_s = max(0.1, (ends_s - time.monotonic()) / (len(targets) - index))
                all_done.append(run(Task(target, count, left_s, folder, Path(scratch))))
                _show("")
                print(row(all_done[-1]), flush=True)
        except Interrupted as interrupted:
            all_done.append(interrupted.done)
            print(f"\n{row(interrupted.done)}\ninterrupted")
            ended = INTERRUPTED
    for done in all_done:
        if done.find:
            again = f"python -m tests.fuzz --target {done.name} --input {done.find}"
            print(f"\n{_end_of(done.find.with_suffix('.log'))}\nAgain: {again}")
    finds = sum(done.find is not None for done in all_done)
    sums = f"{sum(done.standing.inputs for done in all_done):,} inputs, {finds} finds"
    print(f"\n{sums}, grown by {sum(done.grew_mb for done in all_done):.1f} MB in all")
    return ended if all(done.well for done in all_done) else 1


def _end_of(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    begins = [at for at, line in enumerate(lines) if "Uncaught" in line or "ERROR: libFuzzer" in line]
    return "\n".join(lines[begins[0] if begins else -30 :][:40])


def _has_atheris() -> bool:
    try:
        return importlib.util.find_spec("atheris") is not None
    except ValueError:  # told to be absent
        return False


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="over all targets, in proportion to their weights")
    parser.add_argument("--target", action="append", default=[], help="this one only; may be given again")
    parser.add_argument("--seconds", type=float, default=86_400.0, help="at most so long in all")
    parser.add_argument("--input", type=Path, help="feed this file to the target, once")
    parser.add_argument("--finds", type=Path, default=FINDS, help=f"folder for finds, default {FINDS}")
    said = parser.parse_args()
    if said.input:
        from tests.fuzz.targets import TARGETS

        if not said.target or not set(said.target) <= set(TARGETS):
            parser.error(f"--input needs --target: {', '.join(TARGETS)}")
        for name in said.target:
            TARGETS[name].feed(said.input.read_bytes())
            print(f"{name}: taken, or refused as documented")
        return 0
    if said.inputs < 1 or said.seconds <= 0:
        parser.error("--inputs and --seconds are above 0")
    if not _has_atheris():
        print(MISSING, file=sys.stderr)
        return 2
    return _all(said.target, said.inputs, said.seconds, said.finds)


if __name__ == "__main__":
    sys.exit(main())
