"""What the command lines of the simulators say about wrong input."""

from pydantic import ValidationError

from engine.errors import CuelineError

BAD_INPUT = 2


def fault_lines(error: CuelineError | ValidationError | OSError) -> str:
    """One line per fault: where, and what is wrong there."""
    if not isinstance(error, ValidationError):
        return str(error)
    places = {".".join(map(str, each["loc"])) or "value": each["msg"] for each in error.errors()}
    return "\n".join(f"{place}: {what}" for place, what in places.items())
