"""AudioHook's durations, `PT12.3S`: written from whole samples without rounding, read strictly. Pure."""

import re

from engine.simulator.audiohook.options import SAMPLE_RATE

_FORM = re.compile(r"PT(?:\d*\.)?\d+S")


def of_samples(samples: int) -> str:
    """8,000 samples are a second; a sample is 125 µs, so six decimals are always enough."""
    whole, rest = divmod(samples, SAMPLE_RATE)
    fraction = f"{rest * 125:06d}".rstrip("0")
    return f"PT{whole}.{fraction}S" if fraction else f"PT{whole}S"


def of_ns(ns: int) -> str:
    """A round trip."""
    whole, rest = divmod(ns, 1_000_000_000)
    return f"PT{whole}.{rest:09d}S"


def seconds(text: object) -> float | None:
    """None for what is no duration."""
    return float(text[2:-1]) if isinstance(text, str) and _FORM.fullmatch(text) else None


def to_samples(text: object) -> int | None:
    """The nearest sample; None for what is no duration."""
    found = seconds(text)
    return None if found is None else round(found * SAMPLE_RATE)
