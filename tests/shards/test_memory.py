"""What the kernel says of this process, and of none."""

import os

import psutil
import pytest

from engine.shards.memory import resident_mb


def test_a_process_that_lives_has_memory():
    assert resident_mb(os.getpid()) == pytest.approx(psutil.Process().memory_info().rss / 1e6, rel=0.2)


def test_one_that_does_not_has_none():
    assert resident_mb(2**22 + 1) is None
