"""The coverage-guided driver: how it shares inputs out, what it does at a find, at growth, and without atheris."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import Done, row, shares
from tests.fuzz.child import Standing

ROOT = Path(__file__).resolve().parents[2]
needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform, or is not installed"
)
BROKEN = """
import os, sys, tempfile
from pathlib import Path
import tests.fuzz.__main__ as driver
from tests.fuzz.child import Task
from tests.fuzz.target import Target

def take(data):
    if data.startswith(b"bad"):
        {harm}

target = Target("broken", "ends at what begins with `bad`", take, (ValueError,), (b"good", b"bad luck"))
with tempfile.TemporaryDirectory() as scratch:
    done = driver.run(Task(target, 1000, 60, Path(sys.argv[1]), Path(scratch)))
print(driver.row(done))
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=150
    )


def test_inputs_are_shared_out_to_the_last_one() -> None:
    assert shares([1, 1, 2], 100) == [25, 25, 50]
    assert shares([1, 1, 1], 100) == [33, 33, 34]
    assert sum(shares([3, 1, 7, 2], 10_000_001)) == 10_000_001


def test_growth_is_told_and_is_a_failure() -> None:
    grown = Done("x", "none", Standing(10, 1.0, 0.0021, 80.0, 112.5), None)
    assert (grown.well, grown.grew_mb) == (False, 32.5)
    assert row(grown).endswith("112.5  GREW")
    assert Done("x", "none", Standing(10, 1.0, 0.0021, 80.0, 112.0), None).well


def test_one_input_again(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"whsec_!")
    told = run("-m", "tests.fuzz", "--target", "secret", "--input", str(tmp_path / "input"))
    assert (told.returncode, told.stdout) == (0, "secret: taken, or refused as documented\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--inputs", "0"], "--inputs and --seconds are above 0"),
        (["--input", "x"], "--input needs --target: realtime, "),
        (["--input", "x", "--target", "nothing"], "--input needs --target: realtime, "),
        pytest.param(["--target", "nothing"], "no target nothing; there are realtime, ", marks=needs_atheris),
    ],
)
def test_a_wrong_command_line(arguments: list[str], says: str) -> None:
    told = run("-m", "tests.fuzz", *arguments)
    assert told.returncode == 2
    assert says in told.stderr


def test_the_lock_file_asks_for_atheris_only_where_it_has_a_wheel() -> None:
    marker = 'sys_platform == "linux" and platform_machine == "x86_64" and python_version < "3.14"'
    assert re.search(
        rf"^atheris==\S+ ; {re.escape(marker)} \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
    assert marker.replace('"', "'") in (ROOT / "pyproject.toml").read_text()


def test_without_atheris_it_says_where_there_is_one() -> None:
    hidden = "import sys; sys.modules['atheris'] = None; sys.argv = ['fuzz']; from tests.fuzz.__main__ import main; sys.exit(main())"
    told = run("-c", hidden)
    assert told.returncode == 2
    assert "wheels for Linux on x86-64" in told.stderr


@needs_atheris
def test_a_short_run_of_two_targets(tmp_path: Path) -> None:
    told = run(
        *("-m", "tests.fuzz", "--inputs", "2000", "--target", "secret", "--target", "bounds", "--finds", str(tmp_path))
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "2,000 inputs, 0 finds" in told.stdout
    assert list(tmp_path.iterdir()) == []


@needs_atheris
@pytest.mark.parametrize("harm", ["raise LookupError(data)", "os.abort()", "os.kill(os.getpid(), 9)"])
def test_a_find_is_kept_whatever_it_does(tmp_path: Path, harm: str) -> None:
    told = run("-c", BROKEN.format(harm=harm), str(tmp_path))
    (find,) = [path for path in tmp_path.iterdir() if path.suffix != ".log"]
    assert find.read_bytes().startswith(b"bad")
    assert told.stdout.rstrip().endswith(f"FIND {find}")


@needs_atheris
def test_a_documented_exception_is_no_find(tmp_path: Path) -> None:
    told = run("-c", BROKEN.format(harm="raise ValueError"), str(tmp_path))
    assert " 1,000 " in told.stdout
    assert list(tmp_path.iterdir()) == []


@needs_atheris
def test_ctrl_c_prints_what_there_is(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--inputs",
        "1000000000",
        "--target",
        "bounds",
        "--finds",
        str(tmp_path),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("target ")  # the targets begin
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: parent and child
        told = running.stdout.read()
    assert running.returncode == 130
    assert "interrupted" in told
    assert " inputs, 0 finds" in told
    assert list(tmp_path.iterdir()) == []
