"""One run of benchmark suites in a process of its own, so that each has another layout of memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import figures_of

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 300
TESTS_FAILED = 1  # pytest's exit code


class RunError(Exception):
    """Pytest could not run the suites."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it, by the benchmarks' names."""

    ratios: dict[str, float]
    nodes: dict[str, str]  # what pytest takes to run one alone
    failures: str  # pytest's words, empty where every test passed


def run(targets: Sequence[str]) -> Run:
    """Run suites, or benchmarks by their nodes. RunError."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.json"
        quiet = ("-q", "--benchmark-quiet", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", *quiet, f"--benchmark-json={file}", *targets]
        try:
            done = subprocess.run(
                command, check=False, cwd=ROOT, env=_environment(), capture_output=True, text=True, timeout=TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise RunError(f"the suites did not end within {TIMEOUT_S} s") from error
        if done.returncode not in (0, TESTS_FAILED):
            raise RunError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        if not file.exists() or not file.stat().st_size:
            raise RunError(f"no benchmark was run:\n{done.stdout}{done.stderr}")
        figures = figures_of(file)
    ratios, nodes = {each.name: each.ratio for each in figures}, {each.name: each.node for each in figures}
    if len(ratios) < len(figures):
        raise RunError("two benchmarks have the same name; names must differ over all suites")
    return Run(ratios, nodes, done.stdout if done.returncode else "")


def _environment() -> dict[str, str]:
    """Ours and these sources before installed ones; without what a test run around this one has set.

    Coverage's tracer would be measured, too, and as a worker of xdist pytest-benchmark would not report.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_XDIST_"))}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
