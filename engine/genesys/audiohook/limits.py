"""What a session grants its peer: how long each state may last, and how many text messages it takes."""

from dataclasses import dataclass

from engine.genesys.audiohook.states import WAITS, State

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session waits for what; the token bucket of its text messages."""

    open_s: float = 10.0  # from the upgrade to `open`
    silence_s: float = 30.0  # of a peer that sends nothing at all
    close_s: float = 10.0  # from `disconnect` to `close`
    finish_s: float = 8.0  # from `close` to `closed`, which the peer awaits for 10 s
    linger_s: float = 5.0  # from `closed` to the WebSocket's end
    messages_per_s: int = 20
    burst: int = 100  # so many at once


class Patience:
    """When a state has lasted too long. A state begins at the first moment told in it; `hear` and `wait_s` tell moments."""

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._entered_s: float | None = None
        self.heard_s = 0.0  # written for each audio message, too

    def enter(self) -> None:
        """Another state begins."""
        self._entered_s = None

    def hear(self, now_s: float) -> None:
        """The peer said something."""
        self._since_s(now_s)
        self.heard_s = now_s

    def wait_s(self, state: State, now_s: float) -> float:
        """Seconds that are left to this state: 0 where there are none, infinite where it has no limit."""
        entered_s = self._since_s(now_s)
        wait = WAITS.get(state)
        if wait is None:
            return float("inf")
        limit_s: float = getattr(self._limits, wait.limit)
        return max(0.0, (entered_s if wait.since == "entered" else self.heard_s) + limit_s - now_s)

    def _since_s(self, now_s: float) -> float:
        if self._entered_s is None:
            self._entered_s = now_s
        return self._entered_s


class Toll:
    """A token bucket, counted in integers: `burst` at once, `messages_per_s` for ever."""

    def __init__(self, limits: SessionLimits) -> None:
        self._price_ns = NS_PER_S // limits.messages_per_s
        self._credit_ns = limits.burst * self._price_ns
        self._paid_ns = 0  # until this moment all is paid for

    def is_due(self, now_s: float) -> bool:
        """Whether one message more is one too many; else it is paid for."""
        now_ns = int(now_s * NS_PER_S)
        paid_ns = max(self._paid_ns, now_ns) + self._price_ns
        if paid_ns > now_ns + self._credit_ns:
            return True
        self._paid_ns = paid_ns
        return False
