"""What the AudioHook server counts; each function records one metric."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


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
        self._probes = Counter("cueline_audiohook_probes", "AudioHook connection probes answered.", registry=registry)
        self._sockets = Gauge(
            "cueline_audiohook_sockets", "AudioHook sockets, those without a session among them.", registry=registry
        )
        self._backlog = Gauge(
            "cueline_audiohook_backlog_seconds", "Audio of bursts that waits for room in the rings.", registry=registry
        )

    def refused(self, reason: str) -> None:
        """A connection came to nothing: `AuthFault` of genesys.audiohook.refusals, address, path, connections, half_open, no_upgrade, internal."""
        self._refused.labels(reason).inc()

    def fault(self, fault: str) -> None:
        """A session broke the protocol: `Fault` and `OverReason` of genesys.audiohook.states, media, peer, websocket, not_reading, gone, internal."""
        self._faults.labels(fault).inc()

    def probed(self) -> None:
        """A connection probe was answered."""
        self._probes.inc()

    def read_from(self, sockets: Callable[[], float], backlog_s: Callable[[], float]) -> None:
        """Where to ask, at scrape time, for the sockets open and the audio that waits."""
        self._sockets.set_function(sockets)
        self._backlog.set_function(backlog_s)
