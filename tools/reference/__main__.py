"""Write the references; `--check` names the stale ones and ends with 1. `python -m tools.reference [--check]`."""

import sys
from collections.abc import Callable
from pathlib import Path

from tools.reference import configuration, metrics

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[str, Callable[[], str]] = {"configuration.md": configuration.page, "metrics.md": metrics.page}


def main(arguments: list[str]) -> int:
    """All pages; those that are right already are left alone."""
    stale = [name for name, page in PAGES.items() if _present(name) != page()]
    for name in stale:
        if "--check" not in arguments:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"docs/{name} {'is stale: make docs' if '--check' in arguments else 'written'}")
    return 1 if stale and "--check" in arguments else 0


def _present(name: str) -> str:
    file = DOCS / name
    return file.read_text(encoding="utf-8") if file.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
