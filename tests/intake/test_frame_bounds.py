import pytest

from engine.intake.frame_bounds import frame_bounds


@pytest.mark.parametrize(
    ("data", "at", "bounds"),
    [
        (b"\x81\x03abc", 0, (2, 5)),
        (b"\x81\x00", 0, (2, 2)),
        (b"\x81\x03abc\x89\x01x", 5, (7, 8)),
        (b"\x81\x7d" + b"a" * 125, 0, (2, 127)),
        (b"\x81\x7e\x01\xbc" + b"a" * 444, 0, (4, 448)),
        (b"\x82\x7f\0\0\0\0\0\1\0\0", 0, (10, 65546)),
        (b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 0, (10, 10 + 2**64 - 1)),
    ],
)
def test_payloads_begin_after_headers_of_2_4_or_10_bytes(data, at, bounds):
    assert frame_bounds(data, at) == bounds


@pytest.mark.parametrize(
    "header", [b"\x81", b"\x81\x01", b"\x81\x7e", b"\x81\x7e\x01", b"\x81\x7f", b"\x81\x7f\0\0\0\0\0\1\0"]
)
def test_what_is_not_there_yet_lies_beyond_the_data(header):
    _, end = frame_bounds(header, 0)
    assert end > len(header)


def test_a_masked_frame_is_its_first_two_bytes():
    assert frame_bounds(b"\x81\x83mask___", 0) == (2, 2)
