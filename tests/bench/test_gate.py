"""The gate bites: run as `make bench-gate` runs it, on one suite, against baselines with margins that no noise reaches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUITE = "bench/test_audio.py"
MARGIN = 2.0  # three times as slow passes


def gate(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "bench.gate", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(command, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=170)


def failing(done: subprocess.CompletedProcess) -> set[str]:
    """The names in the rows that fail."""
    return {line.split("  ")[0] for line in done.stdout.splitlines() if " FAILS: " in line}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory) -> Path:
    """Of this machine, now, written by the command itself; then with a wide margin."""
    file = tmp_path_factory.mktemp("gate") / "baseline.json"
    done = gate("--rebase", "--runs", 2, "--baseline", file, SUITE)
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(file.read_text())
    for mark in content["benchmarks"].values():
        mark["margin"] = MARGIN
    file.write_text(json.dumps(content))
    return file


def edited(baseline: Path, tmp_path: Path, edit) -> Path:
    content = json.loads(baseline.read_text())
    edit(content["benchmarks"])
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(content))
    return file


def test_it_passes_where_nothing_has_changed(baseline):
    done = gate("--baseline", baseline, SUITE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The gate passes: 6 benchmarks" in done.stdout
    assert failing(done) == set()


def test_it_fails_on_a_function_slowed_on_purpose_and_names_it(baseline):
    done = gate("--baseline", baseline, SUITE, PYTEST_ADDOPTS="-p tests.support.slow_framer")
    assert done.returncode == 1
    slowed = {"framer_push[320 bytes]", "framer_push[odd sizes]", "framer_push[960 bytes]"}
    assert failing(done) == slowed
    assert done.stdout.count("measuring again: ") == 2  # it was no burst of other work
    assert done.stdout.rstrip().splitlines()[-1].startswith("The gate fails: framer_push[")


def test_it_fails_on_a_benchmark_that_is_gone_and_on_one_without_a_baseline(baseline, tmp_path):
    file = edited(baseline, tmp_path, lambda marks: marks.update({"ring_burn": marks.pop("ring_write")}))
    done = gate("--baseline", file, SUITE)
    assert done.returncode == 1
    assert failing(done) == {"ring_burn", "ring_write"}
    assert "FAILS: missing in this run" in done.stdout
    assert "FAILS: no baseline; `make bench-rebase` writes it" in done.stdout


def test_it_fails_on_a_count_beyond_its_limit(baseline, tmp_path):
    suite = tmp_path / "test_counts.py"
    suite.write_text("def test_system_calls():\n    assert 21 <= 20\n")
    done = gate("--baseline", baseline, SUITE, suite)
    assert done.returncode == 1
    assert "assert 21 <= 20" in done.stdout
    assert failing(done) == set()
    assert done.stdout.rstrip().endswith("The gate fails: tests failed, see above.")


def test_nothing_is_written_where_a_count_is_beyond_its_limit(tmp_path):
    suite = tmp_path / "test_counts.py"
    suite.write_text("def test_system_calls():\n    assert 21 <= 20\n")
    done = gate("--rebase", "--baseline", tmp_path / "baseline.json", SUITE, suite)
    assert done.returncode == 1
    assert "Nothing is written" in done.stdout
    assert not (tmp_path / "baseline.json").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no baseline; `make bench-rebase` writes it"),
        ('{"benchmarks": {"ring_write": {}}}', 'ring_write: {"ratio": …, "margin": …} is expected'),
    ],
)
def test_a_baseline_that_cannot_be_used_is_said_before_anything_is_measured(tmp_path, content, said):
    file = tmp_path / "baseline.json"
    if content:
        file.write_text(content)
    done = gate("--baseline", file, SUITE)
    assert done.returncode == 2
    assert done.stderr.strip() == f"bench.gate: {file}: {said}"


def test_a_suite_that_is_not_there_is_an_error_of_use(baseline):
    done = gate("--baseline", baseline, "bench/test_nothing.py")
    assert done.returncode == 2
    assert "file or directory not found: bench/test_nothing.py" in done.stderr
