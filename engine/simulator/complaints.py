"""What the command lines of the simulators say about wrong input."""

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.errors import CuelineError

BAD_INPUT = 2
_PATTERNS = {
    r"^wss?://[^\s/]+.*$": "must be an address that begins with ws:// or wss://",
    r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$": "must be an id of 8-4-4-4-12 hexadecimal digits",
    r"^[A-Za-z0-9_-]{1,128}$": "must be of letters, digits, - and _, at most 128 in all",
}


def fault_lines(error: CuelineError | ValidationError | OSError) -> str:
    """One line per fault: where, and what is wrong there."""
    if not isinstance(error, ValidationError):
        return str(error)
    places = {".".join(map(str, each["loc"])): _sentence(each) for each in error.errors()}
    return "\n".join(f"{place}: {what}" if place else what for place, what in places.items())


def _sentence(error: ErrorDetails) -> str:
    """What is allowed, in our words."""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    found = _PATTERNS.get(str(context.get("pattern")))
    return found or re.sub(r"^(Input|String|Value) should ", "must ", error["msg"])
