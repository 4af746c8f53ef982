import asyncio

import pytest
from structlog.testing import capture_logs

from engine.intake.conversation import Conversation, EndReason
from engine.intake.leaving import Farewells
from engine.intake.past import Moment
from engine.metrics import Metrics
from tests.support.realtime import FakeLease


class LateLease(FakeLease):
    """Its last audio is heard when the test says so."""

    def __init__(self) -> None:
        super().__init__("conv-1", {})
        self.over = asyncio.Event()

    async def heard(self, timeout_s: float) -> bool:
        async with asyncio.timeout(timeout_s):
            return await self.over.wait()


def left(reason: EndReason = "ended") -> Conversation:
    """Taken, heard for a second, gone 12.5 s after it was taken."""
    moments = iter([Moment(1000.0, 50.0, "boot"), Moment(9.0, 62.5, "boot")])  # somebody sets the wall clock meanwhile
    conversation = Conversation("conv-1", "realtime", Metrics(), lambda _: None, moment=lambda: next(moments))
    conversation.heard(16_000)
    conversation.missed(300)
    conversation.end(reason, "closed by the peer")
    return conversation


async def test_the_line_waits_for_the_last_audio_and_has_the_figures():
    lease = LateLease()
    with capture_logs() as lines:
        Farewells().say(left(), lease)
        await asyncio.sleep(0)
        assert lines == []
        lease.phrases = 2
        lease.over.set()
        async with asyncio.timeout(5):
            while not lines:
                await asyncio.sleep(0)
    assert lines == [
        {
            "event": "conversation left",
            "log_level": "info",
            "conversation_id": "conv-1",
            "session_id": None,
            "source": "realtime",
            "reason": "ended",
            "message": "closed by the peer",
            "duration_s": 12.5,
            "phrases": 2,
            "audio_ms": 1000,
            "gap_ms": 300,
            "reconnects": 0,
        }
    ]


@pytest.mark.parametrize(("reason", "level"), [("ended", "info"), ("unreachable", "warning")])
async def test_an_engine_that_ends_first_still_says_it(reason, level):
    farewells = Farewells()
    with capture_logs() as lines:
        farewells.say(left(reason), LateLease())
        await asyncio.sleep(0)
        (task,) = farewells._waiting
        task.cancel()
        await asyncio.wait([task])
    assert [(line["event"], line["log_level"]) for line in lines] == [("conversation left", level)]
