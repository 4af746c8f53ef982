import time

from engine.simulator.clock import clock_ms, epoch_ms


def test_clocks_are_in_milliseconds():
    assert abs(epoch_ms() - time.time() * 1000) < 1000
    assert abs(clock_ms() - time.monotonic() * 1000) < 1000
