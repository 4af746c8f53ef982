"""What a `Retry-After` header asks for; the one reader of it, whoever sent it. Pure: the wall clock comes as a number.

Seconds, with a fraction where somebody sends one, or an HTTP date; a date without a zone is taken for UTC. How long is too long
is for the caller to say.
"""

import re
from calendar import timegm
from email.utils import parsedate_to_datetime

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def retry_after(value: str | None, now_s: float) -> float | None:
    """Seconds to wait, 0 for a date that is over; None where there is no header or it says neither. `now_s` is since 1970."""
    text = (value or "").strip(" \t")
    if SECONDS.fullmatch(text):
        return float(text)
    try:
        until_s = timegm(parsedate_to_datetime(text).utctimetuple())
    except (ValueError, OverflowError):  # the latter for a year or a time zone of many digits
        return None
    return max(0.0, until_s - now_s)
