"""The store's Lua scripts, and the keys they work on. A script is one step to everybody else: races end in it.

All keys of a fleet share the hash tag `{cueline:NAME}`. Each script says in its head what it takes and returns.
"""

from functools import cache
from pathlib import Path

from engine.redis_client import Script

# In the order of prelude.lua's names.
KEYS = (
    *("offers", "calls", "handovers", "past", "withdrawn", "quarantined", "ended", "seen", "nodes", "givers"),
    *("leader", "epoch"),
)
FOLDER = Path(__file__).parent / "lua"


@cache
def script(name: str) -> Script:
    """The script of that name behind the prelude; `effect` stands alone."""
    text = (FOLDER / f"{name}.lua").read_text(encoding="utf-8")
    if name == "effect":
        return Script(text)
    return Script((FOLDER / "prelude.lua").read_text(encoding="utf-8") + text)


def keys(prefix: str) -> tuple[str, ...]:
    """All keys that scripts work on."""
    return tuple(f"{prefix}{key}" for key in KEYS)
