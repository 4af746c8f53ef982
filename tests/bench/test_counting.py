"""Counts of pieces of work whose counts are known."""

import os
import time
from collections import Counter

from bench.counting import blocks_left, bytes_at_once, calls, system_calls


def test_calls_by_name():
    def work():
        len("")
        time.thread_time()
        time.monotonic()
        os.close(os.eventfd(0))
        "ab".upper()

    counted = calls(work)
    assert counted == {
        "def test_calls_by_name.<locals>.work": 1,
        "builtins.len": 1,
        "time.thread_time": 1,
        "time.monotonic": 1,
        "posix.eventfd": 1,
        "posix.close": 1,
        "builtins.str.upper": 1,
    }
    assert system_calls(counted) == {"time.thread_time": 1, "posix.eventfd": 1, "posix.close": 1}


def test_our_own_functions_are_never_system_calls():
    assert system_calls(Counter({"def socket.close": 1, "select.poll": 1, "select.poll.poll": 2})) == {
        "select.poll.poll": 2
    }


def test_bytes_at_once_see_a_copy():
    data = bytes(100_000)
    assert bytes_at_once(lambda: memoryview(data)[1:]) < 2_000
    assert 100_000 <= bytes_at_once(lambda: data[1:]) < 102_000


def test_blocks_left_see_a_leak():
    kept = []
    assert blocks_left(lambda: [object() for _ in range(1000)]) < 20
    assert blocks_left(lambda: kept.extend(object() for _ in range(1000))) >= 1000
