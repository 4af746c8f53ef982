"""Stream times: `PT<seconds>S` on the wire, integers here. Nanoseconds as read, samples per channel as counted; no floats."""

import re

from engine.audio.format import SAMPLE_RATE

NS_PER_S = 1_000_000_000
SAMPLE_NS = NS_PER_S // SAMPLE_RATE
# At most 115 days. Digits behind the ninth of a fraction are cut off.
_DURATION = re.compile(r"PT(?:([0-9]{1,7})|([0-9]{0,7})\.([0-9]{1,40}))S")


def read_ns(value: object) -> int:
    """Nanoseconds of a duration. ValueError where it is none."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a duration as PT1.25S")
    whole, before, fraction = found.groups()
    if whole is not None:
        return int(whole) * NS_PER_S
    return int(before or "0") * NS_PER_S + int(fraction[:9].ljust(9, "0"))


def samples_of(ns: int) -> int:
    """Samples per channel in so many nanoseconds, to the nearest."""
    return (ns + SAMPLE_NS // 2) // SAMPLE_NS


def written(ms: int) -> str:
    """A duration of whole milliseconds, as short as it can be written: PT0S, PT1.2S, PT12.345S."""
    seconds, rest = divmod(ms, 1000)
    fraction = f".{rest:03}".rstrip("0") if rest else ""
    return f"PT{seconds}{fraction}S"
