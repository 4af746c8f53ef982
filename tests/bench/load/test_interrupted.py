"""`cueline bench capacity` as a process that is interrupted: what it had is printed, nothing stays."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.support.engine import shared_memory

ROOT = Path(__file__).parents[3]
WAIT_S = 60.0


def started(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Simulator, engine, fork server and worker, once all are there."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        children = psutil.Process(process.pid).children(recursive=True)
        if len(children) >= 4 and process.poll() is None:
            return children
        time.sleep(0.05)
    raise AssertionError("they did not start")


def test_ctrl_c_leaves_no_process_and_prints_what_there_was(tmp_path):
    before = shared_memory()
    arguments = [
        "bench",
        "capacity",
        "--calls",
        "1,2",
        "--seconds",
        "2",
        "--shards",
        "1",
        "--report",
        str(tmp_path / "r.json"),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first = started(process)
    deadline = time.monotonic() + WAIT_S
    while psutil.pid_exists(first[0].pid) and time.monotonic() < deadline:  # the first measurement ends
        time.sleep(0.05)
    children = started(process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, err
    assert "Calls at once" in out
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not [child for child in (*first, *children) if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert shared_memory() <= before
    assert '"settled": false' in (tmp_path / "r.json").read_text()
