"""An intent classifier as a user would write one; rules name it by `tests.support.speech_intents:wants_transfer`."""


def wants_transfer(text: str) -> str | None:
    """Name what was meant."""
    return "transfer" if {"transfer", "me"} <= set(text.split()) else None
