"""Print the part of requirements.lock that some packages need: their pins with hashes, and what they need in turn.

    python tools/lock_part.py cueline      what Cueline needs to run, without the developers' tools
    python tools/lock_part.py hatchling    what building its wheel needs

The one lock serves people, CI and the container's image, so that all run the same versions. Who needs whom is read from
the lock's own `# via` lines; needs nothing but the standard library, since the image's build runs it before anything else.
"""

import re
import sys
import tomllib
from pathlib import Path

OURS = "cueline"
ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==")


def normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins_of(lock: str) -> dict[str, str]:
    """Package → its lines of the lock."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []  # of the present package
    for line in lock.splitlines():
        if pin := _PIN.match(line):
            lines = blocks.setdefault(normal(pin[1]), [])
        if line.startswith((" ", "\t")) or pin:
            lines.append(line)
    return {name: "\n".join(block) for name, block in blocks.items()}


def wanted_by(block: str) -> set[str]:
    """Who needs a package, of its `# via` lines; `cueline` with its extras counts as `cueline`."""
    _, _, via = block.partition("# via")
    return {normal(word) for word in re.findall(r"[A-Za-z0-9._-]+", re.sub(r"[(\[][^)\]]*[)\]]", "", via))}


def part_of(lock: str, roots: set[str]) -> str:
    """The pins of the roots and of all that they need. KeyError for a root that is not in the lock."""
    pins = pins_of(lock)
    found = {normal(root) for root in roots}
    missing = found - set(pins)
    if missing:
        raise KeyError(f"not in the lock: {', '.join(sorted(missing))}")
    while more := {name for name, block in pins.items() if wanted_by(block) & found} - found:
        found |= more
    return "\n".join(pins[name] for name in sorted(found)) + "\n"


def run_time(pyproject: str) -> set[str]:
    """Names of Cueline's dependencies, without the extras'."""
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    return {re.split(r"[^A-Za-z0-9._-]", dependency)[0] for dependency in dependencies}


def main(names: list[str], root: Path = ROOT) -> int:
    """Print it, wherever it is called; 2 where a name is not in the lock."""
    roots = set(names) - {OURS}
    if OURS in names:
        roots |= run_time((root / "pyproject.toml").read_text())
    try:
        sys.stdout.write(part_of((root / "requirements.lock").read_text(), roots))
    except KeyError as error:
        print(f"lock_part: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
