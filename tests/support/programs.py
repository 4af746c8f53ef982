"""Programs of Debian's that some tests need beside Python's packages: Prometheus, Chromium, systemd's tools.

Who has not installed them is told how, and the tests that need them are skipped; in CI (`CI` is set) they must be there, so
that nothing is green because it did not run. tools/debian-packages.txt is the one list of them.
"""

import os
import shutil
from pathlib import Path

import pytest

LIST = Path(__file__).parents[2] / "tools/debian-packages.txt"
LINES = [line.split() for line in LIST.read_text().splitlines() if line and not line.startswith("#")]
PACKAGES = {program: package for package, *programs in LINES for program in programs}


def program(name: str) -> str:
    """Path of a program of PACKAGES; skips the test where it is missing, and fails it in CI."""
    path = shutil.which(name)
    if path is None:
        missing = f"{name} is not installed: sudo apt-get install {PACKAGES[name]}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
