"""Writes dashboards/*.json from the tables beside this file: `python -m tools.dashboards.write`. A test fails where they are stale."""

import json
from pathlib import Path

from tools.dashboards.commands import COMMANDS
from tools.dashboards.fleet import FLEET
from tools.dashboards.overview import OVERVIEW
from tools.dashboards.panel import dashboard_json
from tools.dashboards.shards import SHARDS

FOLDER = Path(__file__).parents[2] / "dashboards"
DASHBOARDS = {"overview": OVERVIEW, "shards": SHARDS, "commands": COMMANDS, "fleet": FLEET}


def texts() -> dict[str, str]:
    """File names and what stands in them."""
    links = tuple((each.title, each.uid) for each in DASHBOARDS.values())
    return {
        f"{name}.json": json.dumps(dashboard_json(each, links), indent=2) + "\n" for name, each in DASHBOARDS.items()
    }


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text)
