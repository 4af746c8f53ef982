from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.retry_after import retry_after

NOW_S = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("3", 3.0),
        ("0", 0.0),
        (" 0.5\t", 0.5),
        ("120.", None),
        ("-1", None),
        ("1e3", None),
        ("inf", None),
        ("nan", None),
        ("1_000", None),
        ("²", None),
        ("٣", None),
        ("soon", None),
        ("9" * 9, 999_999_999.0),
        ("9" * 10, None),
        ("9" * 5000, None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Monday, 23-Nov-26 12:00:30 GMT", 30.0),
        ("Mon Nov 23 12:00:30 2026", 30.0),
        ("Wed, 21 Oct 20262 07:28:00 GMT", None),
        ("1 Jan 99999999999 00:00:00 +9999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value, seconds):
    assert retry_after(value, NOW_S) == seconds


@given(st.integers(0, 250_000_000_000).map(lambda at_s: datetime.fromtimestamp(at_s, UTC)), st.floats(0, 3e11))
def test_a_date_is_waited_for(date, now_s):
    wanted = retry_after(format_datetime(date, usegmt=True), now_s)
    assert wanted == max(0.0, date.timestamp() - now_s)


@given(st.text())
def test_no_text_raises(value):
    wanted = retry_after(value, 0)
    assert wanted is None or wanted >= 0
