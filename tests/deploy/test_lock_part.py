"""The part of the lock that running needs: whole, and nothing of the developers' tools."""

import re
from importlib import metadata
from pathlib import Path

import pytest

from tools.lock_part import main, normal, part_of, pins_of, run_time, wanted_by

ROOT = Path(__file__).parents[2]
LOCK = """#
# made by pip-compile
#
aiohttp==3.1 \\
    --hash=sha256:aa
    # via cueline (pyproject.toml)
idna==3.2 ; python_version > "3" \\
    --hash=sha256:bb \\
    --hash=sha256:bc
    # via
    #   requests
    #   yarl
mypy==1.0 \\
    --hash=sha256:cc
    # via cueline (pyproject.toml)
Multi_Dict==6 \\
    --hash=sha256:dd
    # via
    #   aiohttp
    #   yarl
requests==2 \\
    --hash=sha256:ee
    # via mypy
yarl==1 \\
    --hash=sha256:ff
    # via aiohttp

# The following packages are considered to be unsafe in a requirements file:
pip==25 \\
    --hash=sha256:00
    # via mypy
"""


def names(part):
    return set(pins_of(part))


def test_a_root_and_all_that_it_needs_with_hashes_and_conditions():
    part = part_of(LOCK, {"AioHTTP"})
    assert names(part) == {"aiohttp", "yarl", "multi-dict", "idna"}
    assert 'idna==3.2 ; python_version > "3" \\\n    --hash=sha256:bb \\\n    --hash=sha256:bc\n' in part
    assert names(part_of(LOCK, {"mypy"})) == {"mypy", "requests", "idna", "pip"}
    assert names(part_of(LOCK, {"pip"})) == {"pip"}


def test_what_is_not_locked_is_refused():
    with pytest.raises(KeyError, match="not in the lock: nope"):
        part_of(LOCK, {"nope", "mypy"})


def test_who_needs_it():
    assert wanted_by("a==1\n    # via\n    #   cueline (pyproject.toml)\n    #   pydantic[email]\n") == {
        "cueline",
        "pydantic",
    }
    assert wanted_by("a==1\n") == set()


def needed(name, found):
    """All that an installed package needs here, by what it says of itself."""
    if name not in found:
        found.add(name)
        for requirement in metadata.requires(name) or ():
            text, _, marker = requirement.partition(";")
            if "extra ==" not in marker and "python_version <" not in marker and "win32" not in marker:
                below = normal(re.split(r"[^A-Za-z0-9._-]", text.strip())[0])
                if _installed(below):
                    needed(below, found)
    return found


def _installed(name):
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def test_of_the_real_lock_it_is_what_the_packages_themselves_ask_for(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # it finds its root itself
    assert main(["cueline"]) == 0
    part = capsys.readouterr().out
    found = set()
    for root in run_time((ROOT / "pyproject.toml").read_text()):
        needed(normal(root), found)
    assert found <= names(part)
    assert names(part) & {"pytest", "mypy", "ruff", "hypothesis", "playwright", "pip", "hatchling", "psutil"} == set()
    assert {"vosk", "aiohttp", "cffi", "numpy"} <= names(part)
    assert all("--hash=sha256:" in block for block in pins_of(part).values())


def test_for_building_the_wheel(capsys):
    assert main(["hatchling"]) == 0
    assert {"hatchling", "pluggy"} <= names(capsys.readouterr().out)
    assert main(["no-such-package"]) == 2
    assert "no-such-package" in capsys.readouterr().err
