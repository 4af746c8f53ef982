"""The audio of one AudioHook session on its way into its shard: taken apart, at its true position, bursts first come first heard.

A peer may send what it kept while it connected, 20 s at once, and may never be made to wait: whoever does not read is throttled,
and loses audio. So what the rings have no room for waits here, as it came, and is poured in as they empty. What is more than
BACKLOG_S, or has waited for more than LATE_S, is given up and counted as a gap: positions stay true, and nothing is glued across it.
Positions are samples of the stream: those that came and those that the peer says it left out. A ring counts frames, so a gap
ends at the frame that holds the sample.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from time import monotonic

from engine.audio.format import FRAME_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE
from engine.audio.interleaved import TakeApart
from engine.intake.conversation import Conversation
from engine.intake.ports import Feed
from engine.metrics import Metrics
from engine.options import FRAME_MS

SAMPLES_PER_MS = SAMPLE_RATE // 1000
BACKLOG_S = 30.0  # of audio; Genesys keeps 20 s while it connects
LATE_S = 10.0
POUR_S = 0.02
SLICE_SAMPLES = SAMPLE_RATE  # at most at once: what a ring that is not nearly full has room for


class Pump:
    """Pours what waits, of all sessions that have something waiting, every POUR_S."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[SessionAudio] = set()
        self._armed = False

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that wait, of all sessions together."""
        return sum(each.waiting_samples for each in self._waiting) / SAMPLE_RATE

    def add(self, audio: "SessionAudio") -> None:
        """It has something waiting."""
        self._waiting.add(audio)
        self._arm()

    def drop(self, audio: "SessionAudio") -> None:
        """It has left."""
        self._waiting.discard(audio)

    def _arm(self) -> None:
        if not self._armed:
            self._armed = True
            self._loop.call_later(POUR_S, self._pour)

    def _pour(self) -> None:
        self._armed = False
        now_s = monotonic()
        self._waiting = {audio for audio in self._waiting if not audio.pour(now_s)}
        if self._waiting:
            self._arm()


class SessionAudio:
    """One session's channels. `take_apart` gives what is for each of `feeds`, in their order."""

    def __init__(
        self,
        conversation: Conversation,
        feeds: Sequence[Feed],
        take_apart: TakeApart,
        sample_bytes: int,
        pump: Pump,
        metrics: Metrics,
    ) -> None:
        """`sample_bytes`: of one sample of all channels."""
        self._conversation = conversation
        self._feeds = tuple(feeds)
        self._take_apart = take_apart
        self._sample_bytes = sample_bytes
        self._slice_bytes = SLICE_SAMPLES * sample_bytes
        self._pump = pump
        self._metrics = metrics
        self._waiting: deque[tuple[float, bytes | int]] = deque()  # when it came; audio, or samples that are left out
        self.waiting_samples = 0  # of audio
        self._poured = asyncio.Event()
        self._poured.set()
        self._position = 0  # of the stream at the last gap, in samples
        self._frame_ms = 0  # of the ring's first frame after it
        self._fed = 0  # samples since then

    def begin(self, position_samples: int) -> None:
        """The stream begins there."""
        if position_samples:
            self._skip(position_samples)

    def push(self, data: bytes, now_s: float) -> None:
        """Whole samples of all channels; never waits."""
        if len(data) > self._slice_bytes:
            for start in range(0, len(data), self._slice_bytes):
                self.push(data[start : start + self._slice_bytes], now_s)
            return
        samples = len(data) // self._sample_bytes
        self._conversation.heard(samples * SAMPLE_BYTES)
        if not self._waiting and not self._crowded:
            self._feed(data)
        elif self.waiting_samples + samples > BACKLOG_S * SAMPLE_RATE:
            self._metrics.message_ignored("backlog_full")
            self.leave_out(samples, now_s)
        else:
            self._wait(now_s, data)
            self.waiting_samples += samples

    def leave_out(self, samples: int, now_s: float) -> None:
        """So many samples of the stream are missing here; 0 only ends what was being said."""
        if samples:
            self._conversation.missed(samples // SAMPLES_PER_MS)
        if not self._waiting:
            self._skip(samples)
        elif isinstance(before := self._waiting[-1][1], int):
            self._waiting[-1] = (now_s, before + samples)
        else:
            self._wait(now_s, samples)

    def pour(self, now_s: float) -> bool:
        """Put in what there is room for; True once nothing waits any more."""
        while self._waiting:
            came_s, what = self._waiting[0]
            late = now_s - came_s > LATE_S
            if isinstance(what, bytes) and not late and self._crowded:
                return False
            self._waiting.popleft()
            if isinstance(what, int):
                self._skip(what)
                continue
            self.waiting_samples -= len(what) // self._sample_bytes
            if late:
                self._metrics.message_ignored("backlog_late")
                what = len(what) // self._sample_bytes
                self._conversation.missed(what // SAMPLES_PER_MS)
                self._skip(what)
            else:
                self._feed(what)
        self._poured.set()
        return True

    async def poured(self) -> None:
        """Wait until nothing waits any more: LATE_S at most."""
        await self._poured.wait()

    def close(self) -> None:
        """The rings are another's from now on; what still waits is given up, and counted."""
        if self.waiting_samples:
            self._metrics.message_ignored("backlog_cut")
            self._conversation.missed(self.waiting_samples // SAMPLES_PER_MS)
        self._pump.drop(self)
        self._feeds = ()

    @property
    def _crowded(self) -> bool:
        return any(feed.nearly_full for feed in self._feeds)

    def _wait(self, now_s: float, what: bytes | int) -> None:
        self._waiting.append((now_s, what))
        self._poured.clear()
        self._pump.add(self)

    def _feed(self, data: bytes) -> None:
        for feed, part in zip(self._feeds, self._take_apart(data), strict=True):
            feed.push(part)
        self._fed += len(data) // self._sample_bytes

    def _skip(self, samples: int) -> None:
        """Go on that much later; what does not fill a frame is left out with it."""
        self._position += self._fed + samples
        ring_ms = self._frame_ms + self._fed // FRAME_SAMPLES * FRAME_MS
        self._frame_ms = max(ring_ms, self._position // FRAME_SAMPLES * FRAME_MS)
        self._fed = 0
        for feed in self._feeds:
            feed.mark_gap(self._frame_ms - ring_ms)
