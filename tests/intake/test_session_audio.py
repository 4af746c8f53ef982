import asyncio
from time import monotonic

import pytest

from engine.audio.interleaved import TAKE_APART
from engine.audio.ulaw import SAMPLES
from engine.intake.conversation import Conversation
from engine.intake.session_audio import BACKLOG_S, LATE_S, Pump, SessionAudio
from engine.metrics import Metrics
from tests.support.realtime import FakeFeed
from tests.support.waiting import until

SECOND = 8000  # samples
SILENCE = b"\xff\xff"  # one sample of both channels
NOTHING = int(SAMPLES[0xFF]).to_bytes(2, "little")


class Line:
    """Two channels of µ-law, on feeds that keep what came."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.conversation = Conversation(
            "c", "audiohook", self.metrics, lambda _: None, session_id="5b1f3f0e-8f0c-4c39-9d35-0a4f7d2b6c11"
        )
        self.external, self.internal = FakeFeed(), FakeFeed()
        self.pump = Pump(asyncio.get_running_loop())
        self.audio = SessionAudio(
            self.conversation, (self.external, self.internal), TAKE_APART["PCMU", 2], 2, self.pump, self.metrics
        )

    def crowd(self, *, full: bool) -> None:
        self.external.nearly_full = full

    def ignored(self, reason: str) -> float:
        found = self.metrics.registry.get_sample_value("cueline_messages_ignored_total", {"reason": reason})
        return found or 0.0

    def heard_samples(self) -> int:
        assert sum(map(len, self.external.chunks)) == sum(map(len, self.internal.chunks))
        return sum(map(len, self.external.chunks)) // 2


async def test_each_channel_gets_its_own():
    line = Line()
    line.audio.push(bytes([0x80, 0x00] * 160), 1.0)
    assert line.external.heard == [(32124).to_bytes(2, "little") * 160]
    assert line.internal.heard == [(-32124).to_bytes(2, "little", signed=True) * 160]
    assert line.conversation.info.audio_ms == 20


async def test_a_stream_begins_where_its_peer_says():
    line = Line()
    line.audio.begin(SECOND * 3)
    line.audio.push(SILENCE * 160, 1.0)
    assert line.external.heard == line.internal.heard == [3000, NOTHING * 160]


async def test_what_is_left_out_moves_positions_by_whole_frames_and_the_rest_is_not_lost():
    """A ring can only count frames; what is over is made up for at the next gap."""
    line = Line()
    line.audio.push(SILENCE * (160 + 40), 1.0)  # the ring has one frame, the framer 40 samples
    line.audio.leave_out(200, 1.0)  # the stream is at 400 samples: in the third frame
    line.audio.leave_out(90, 1.0)  # at 490: in the fourth
    assert line.external.gaps_ms == [20, 20]
    assert line.conversation.info.gap_ms == 36  # 25 and 11, as whole milliseconds


async def test_a_pause_ends_what_was_said_and_moves_nothing():
    line = Line()
    line.audio.push(SILENCE * 160, 1.0)
    line.audio.leave_out(0, 1.0)
    assert line.external.heard == [NOTHING * 160, 0]
    assert line.conversation.info.gap_ms == 0


async def test_a_burst_waits_for_room_and_is_heard_whole_and_in_order():
    line = Line()
    line.crowd(full=True)
    for _ in range(5):
        line.audio.push(SILENCE * 4 * SECOND, monotonic())  # 20 s in messages of 64,000 bytes
    line.audio.leave_out(SECOND, monotonic())
    line.audio.push(SILENCE * 160, monotonic())
    assert line.external.heard == []
    assert line.pump.waiting_s == 20.02
    line.crowd(full=False)
    await line.audio.poured()
    assert line.heard_samples() == 20 * SECOND + 160
    assert line.external.heard[-2:] == [1000, NOTHING * 160]
    assert max(map(len, line.external.chunks)) == 2 * SECOND  # not more at once than a ring has room for
    assert line.pump.waiting_s == 0
    assert line.ignored("backlog_full") == line.ignored("backlog_late") == 0


async def test_what_waits_is_poured_as_far_as_there_is_room():
    line = Line()
    line.crowd(full=True)
    line.audio.push(SILENCE * 2 * SECOND, 1.0)
    line.external.push = lambda chunk: (line.external.heard.append(chunk), line.crowd(full=True))
    line.crowd(full=False)
    assert not line.audio.pour(1.0)
    assert line.heard_samples() == SECOND


async def test_a_backlog_has_an_end_and_what_is_beyond_it_is_a_gap():
    line = Line()
    line.crowd(full=True)
    for _ in range(int(BACKLOG_S) + 2):
        line.audio.push(SILENCE * SECOND, monotonic())
    assert line.pump.waiting_s == BACKLOG_S
    assert line.ignored("backlog_full") == 2
    assert line.conversation.info.gap_ms == 2000
    line.crowd(full=False)
    await line.audio.poured()
    assert line.external.heard[-1] == 2000


async def test_what_has_waited_too_long_is_given_up_and_positions_stay_true():
    line = Line()
    line.crowd(full=True)
    line.audio.push(SILENCE * SECOND, 1.0)
    line.audio.push(SILENCE * SECOND, 3.0)
    assert not line.audio.pour(1.0 + LATE_S + 0.1)
    assert line.external.heard == [1000]
    assert line.ignored("backlog_late") == 1
    line.crowd(full=False)
    assert line.audio.pour(3.0 + LATE_S)
    assert line.external.heard == [1000, NOTHING * SECOND]


async def test_a_call_that_has_left_is_poured_no_more():
    line = Line()
    line.crowd(full=True)
    line.audio.push(SILENCE * SECOND, 1.0)
    line.audio.close()
    assert line.pump.waiting_s == 0
    assert (line.ignored("backlog_cut"), line.conversation.info.gap_ms) == (1, 1000)


async def test_a_call_that_leaves_with_nothing_waiting_gives_nothing_up():
    line = Line()
    line.audio.push(SILENCE * SECOND, 1.0)
    line.audio.close()
    assert (line.ignored("backlog_cut"), line.conversation.info.gap_ms) == (0, 0)


@pytest.mark.parametrize("sizes", [(1, 159), (160, 1), (7, 13, 1600), (32_000,)])
async def test_messages_of_any_size_are_counted_alike(sizes):
    line = Line()
    for size in sizes:
        line.audio.push(SILENCE * size, 1.0)
    line.audio.leave_out(160, 1.0)
    assert line.heard_samples() == sum(sizes)
    assert line.external.gaps_ms == [20]


async def test_the_pump_rests_while_nothing_waits():
    line = Line()
    line.crowd(full=True)
    line.audio.push(SILENCE * SECOND, monotonic())
    line.crowd(full=False)
    await until(lambda: line.heard_samples() == SECOND)
    assert line.pump.waiting_s == 0
