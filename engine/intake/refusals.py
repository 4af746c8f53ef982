"""AudioHook connections that are refused: each counted by its reason, the log has a line of one per second at most."""

from time import monotonic

import structlog

from engine.metrics import Metrics

EVERY_S = 1.0  # refusals can be had by the thousand; the metric counts them all

# Reasons that are not a key's or a signature's (those bring their own words).
WORDS = {
    "address": "plain, and from an address that is neither this machine nor in CUELINE_AUDIOHOOK_TRUSTED_PROXIES",
    "path": "the path is not CUELINE_AUDIOHOOK_PATH",
    "connections": "more sockets than audiohook.connections",
    "half_open": "more sockets without a session than audiohook.half_open; the oldest was closed",
    "no_upgrade": "the connection never became a WebSocket",
    "internal": "an unexpected fault; the log has more",
}

log = structlog.get_logger(__name__)


class Refusals:
    """Of one server."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._logged_s = float("-inf")

    def told(self, reason: str, message: str = "", **known: object) -> None:
        """One more; `known` is what is known of the peer, and stands in the line."""
        self._metrics.audiohook.refused(reason)
        now_s = monotonic()
        if now_s - self._logged_s >= EVERY_S:
            self._logged_s = now_s
            words = message or WORDS[reason]
            log.warning("AudioHook connection refused", reason=reason, message=words, **known)
