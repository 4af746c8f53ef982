import os
import signal
import subprocess
import sys

import pytest

from engine.shards.looking import look, resident_bytes
from tests.support.waiting import until


@pytest.fixture
def process():
    """A Python that sleeps, under a name that could be taken for the end of the field."""
    code = "import time; open('/proc/self/comm', 'w').write('a) R 1'); print(flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


async def test_states_are_the_kernels(process):
    await until(lambda: look(process.pid).state == "S")
    os.kill(process.pid, signal.SIGSTOP)
    await until(lambda: look(process.pid).state == "T")
    process.kill()
    await until(lambda: look(process.pid).state == "Z")
    process.wait()
    assert look(process.pid) is None
    assert look(None) is None


async def test_cpu_time_is_counted_in_seconds():
    before = look(os.getpid())
    assert before.state == "R"
    begun_s = os.times().user + os.times().system
    while os.times().user + os.times().system < begun_s + 0.3:
        pass
    assert look(os.getpid()).cpu_s - before.cpu_s == pytest.approx(0.3, abs=0.1)


def test_memory_is_what_is_resident():
    before = resident_bytes(os.getpid())
    held = bytearray(os.urandom(1)) * 64_000_000
    assert resident_bytes(os.getpid()) - before == pytest.approx(64_000_000, rel=0.2)
    del held
    assert resident_bytes(None) == 0
