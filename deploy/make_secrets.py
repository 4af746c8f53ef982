"""Make the secrets that are missing in a folder: one file each, never changing one that is there.

    python make_secrets.py FOLDER

compose.yaml runs it once, before anything else, on a volume of its own. All are their owner's alone, but Grafana's first
password, since Grafana runs as another user; who may not list the folder has to know its name.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

OWNERS, ALL = 0o400, 0o444
SECRETS = {
    "admin_token": (OWNERS, lambda: secrets.token_hex(32)),
    "audiohook_api_key": (OWNERS, lambda: secrets.token_hex(16)),
    "audiohook_client_secret": (OWNERS, lambda: base64.b64encode(secrets.token_bytes(32)).decode()),
    "grafana_admin_password": (ALL, lambda: secrets.token_urlsafe(18)),
}


def make(folder: Path) -> list[str]:
    """Names of what was missing and is there now. OSError where the folder can't be written to."""
    folder.chmod(0o711)
    made = []
    for name, (mode, new) in SECRETS.items():
        draft = folder / f".{name}.new"
        if not (folder / name).exists():
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(new())
            draft.chmod(mode)
            draft.replace(folder / name)
            made.append(name)
    return made


if __name__ == "__main__":
    print("made:", *(make(Path(sys.argv[1])) or ["nothing, all are there"]))
