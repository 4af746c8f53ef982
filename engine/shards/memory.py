"""How much memory a worker holds, as its kernel says; cheap enough for once a second."""

import os
from pathlib import Path


def resident_mb(pid: int) -> float | None:
    """Resident megabytes, pages shared with others (the model's) among them; None where nobody can tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
