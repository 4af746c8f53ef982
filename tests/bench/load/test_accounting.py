"""CPU time and memory of real processes: a parent that works, a child that works, one that was waited for."""

import os
import subprocess
import sys

import pytest

from bench.load.accounting import _stat, cpu_seconds, pss_mb

CHILD = """
import subprocess, sys, time
def work(seconds):
    while time.process_time() < seconds: pass
held = bytearray(b"x") * int(sys.argv[1])
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
work(0.4)
print(child.pid, flush=True)
sys.stdin.read()
child.communicate()
"""


@pytest.fixture
def family():
    """A parent of 50 MB that has used 0.4 s, its living child, and a dead one that used 0.3 s."""
    arguments = [sys.executable, "-c", CHILD, "50000000"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        yield parent.pid, int(parent.stdout.readline())
        parent.communicate()


def test_the_living_and_the_dead_are_counted_once(family):
    parent, child = family
    seconds = cpu_seconds(parent)
    assert 0.7 <= seconds + 0.05 < 3  # each count is cut to whole ticks
    assert cpu_seconds(child) < seconds - 0.6
    assert cpu_seconds(parent) >= seconds


def test_memory_is_told_by_process(family):
    parent, child = family
    found = pss_mb(parent)
    assert set(found) == {parent, child}
    assert found[parent] > 50 > found[child] > 1


def test_who_is_gone_has_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu_seconds(process.pid) == 0
    assert pss_mb(process.pid) == {}
    assert cpu_seconds(os.getpid()) > 0


def test_a_name_may_hold_brackets_and_spaces():
    numbers = " ".join(map(str, range(4, 53)))
    ticks = 14 + 15 + 16 + 17  # proc(5): utime stime cutime cstime
    assert _stat(f"12 (a) b (c) S {numbers}") == (4, ticks / os.sysconf("SC_CLK_TCK"))
