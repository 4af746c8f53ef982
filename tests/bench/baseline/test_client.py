"""By hand: what becomes of lines that were answered, late or never."""

import time
from collections import deque

import pytest

from bench.baseline.client import Used, point_of
from bench.baseline.line import OVER_AND_OVER, Line, Shown, track_of
from bench.baseline.timing import Stretch
from engine.simulator.playback import Playback
from tests.support.demo import call, delivery

S = 1_000_000_000


def test_a_point_of_what_was_answered_and_what_was_not(monkeypatch):
    line = Line("a", None, Playback(track_of(b""), OVER_AND_OVER), Shown(()))
    line.answered = [(4 * S, 1), (5 * S, S // 100), (6 * S, S // 50)]  # the first before the stretch
    line.sent = deque([(7 * S, 0), (9 * S, 0)])  # the second after it
    line.late_ns = 3_000_000
    line.deliveries = [
        delivery("transfer me", 5400, received_ms=5600),
        delivery("stop recording", 6000, received_ms=6500),
    ]
    monkeypatch.setattr(time, "monotonic_ns", lambda: 10 * S)
    calls = (call("a", ("transfer me", 5500), ("close my account", 7000), ("cancel my order", 4000)),)
    point = point_of(calls, [line], Stretch(5 * S, 8 * S), Used(0.5, 0.1, 80.0))
    assert (point.calls, point.seconds, point.frames, point.dropped) == (1, 3, 3, 0)
    assert (point.said, point.heard, point.false) == (2, 1, 1)
    assert (point.frame_ms.p50, point.frame_ms.p99) == pytest.approx((20, 3000))
    assert point.spot_ms.p50 == pytest.approx(100)
    assert (point.cpu, point.load_cpu, point.memory_mb, point.late_ms) == ({"server": 0.5}, 0.1, {"server": 80.0}, 3)
