"""What the AudioHook server counts; each function records one metric."""

from collections.abc import Callable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from engine.genesys.audiohook.decoding import EnvelopeFault
from engine.genesys.audiohook.numbering import NumberFault
from engine.genesys.audiohook.refusals import AUTH_FAULTS
from engine.genesys.audiohook.states import Breach, OverReason

REFUSALS = (*AUTH_FAULTS, "address", "path", "connections", "half_open", "no_upgrade", "internal")
FAULTS = (
    *(*get_args(EnvelopeFault), *get_args(NumberFault), *get_args(Breach), *get_args(OverReason)),
    *("media", "peer", "websocket", "not_reading", "gone", "internal"),
)


class AudioHookMetrics:
    """A part of `Metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "cueline_audiohook_connections_refused",
            "AudioHook connections that were refused before or during the upgrade: keys and signatures, path, address, "
            "connections, half_open; no_upgrade: nothing that could be answered came in time.",
            ["reason"],
            registry=registry,
        )
        self._faults = Counter(
            "cueline_audiohook_faults",
            "AudioHook sessions that broke the protocol, by how; websocket: below it; peer: Genesys reported an error; gone, "
            "silent, no_open, no_close, lingered, not_reading: the peer was lost.",
            ["fault"],
            registry=registry,
        )
        for reason in REFUSALS:
            self._refused.labels(reason)
        for fault in FAULTS:
            self._faults.labels(fault)
        self._probes = Counter("cueline_audiohook_probes", "AudioHook connection probes answered.", registry=registry)
        self._sockets = Gauge(
            "cueline_audiohook_sockets", "AudioHook sockets, those without a session among them.", registry=registry
        )
        self._backlog = Gauge(
            "cueline_audiohook_backlog_seconds", "Audio of bursts that waits for room in the rings.", registry=registry
        )

    def refused(self, reason: str) -> None:
        """A connection came to nothing, for one of REFUSALS."""
        self._refused.labels(reason).inc()

    def fault(self, fault: str) -> None:
        """A session broke the protocol, or its peer was lost: one of FAULTS."""
        self._faults.labels(fault).inc()

    def probed(self) -> None:
        """A connection probe was answered."""
        self._probes.inc()

    def read_from(self, sockets: Callable[[], float], backlog_s: Callable[[], float]) -> None:
        """Where to ask, at scrape time, for the sockets open and the audio that waits."""
        self._sockets.set_function(sockets)
        self._backlog.set_function(backlog_s)
