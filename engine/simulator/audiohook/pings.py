"""A session's pings, and the wait for each pong (spec §9).

The first goes out a second after `opened`, one at once on its pong, so that the server learns the round trip, then one every
five seconds.
"""

import time
from collections.abc import Callable
from typing import Any

from engine.simulator.audiohook import durations
from engine.simulator.audiohook.options import HookOptions
from engine.simulator.audiohook.tally import Tally
from engine.simulator.audiohook.ticker import Ticker, Timer


class Pings:
    """`say` sends one; `too_late` is called once a pong has not come in time."""

    def __init__(
        self,
        options: HookOptions,
        ticker: Ticker,
        tally: Tally,
        say: Callable[[str, dict[str, Any]], None],
        too_late: Callable[[], None],
    ) -> None:
        self._options = options
        self._ticker = ticker
        self._tally = tally
        self._say = say
        self._too_late = too_late
        self._next: Timer | None = None  # ping, or the end of the wait for a pong
        self._said_ns = 0
        self._rtt_ns: int | None = None

    def start(self) -> None:
        """`opened` came."""
        self._next = self._ticker.after(self._options.first_ping_s, self._ping)

    def pong(self) -> None:
        """The answer came."""
        first = self._rtt_ns is None
        self._rtt_ns = time.monotonic_ns() - self._said_ns
        self._tally.ping_ms.append(self._rtt_ns / 1e6)
        if self._next is None:
            return  # it was stopped meanwhile
        self._next.cancel()
        if first:
            self._ping()
        else:
            self._next = self._ticker.after(self._options.ping_every_s, self._ping)

    def rest(self, seconds: float) -> None:
        """The next ping is so far off; nobody waits for a pong meanwhile."""
        self.stop()
        self._next = self._ticker.after(seconds, self._ping)

    def stop(self) -> None:
        """No more pings; a pong may still come."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _ping(self) -> None:
        self._said_ns = time.monotonic_ns()
        self._next = self._ticker.after(self._options.pong_timeout_s, self._too_late)
        self._say("ping", {} if self._rtt_ns is None else {"rtt": durations.of_ns(self._rtt_ns)})
