"""OpenTelemetry traces of commands: one span for each delivery, from the moment a phrase was spotted to its outcome.

Only where an endpoint is configured; only then is the library imported, which the extra `otel` brings. Spans are made when a
delivery has ended, never per frame, and leave by a thread of the library's: its queue has QUEUE places, a span beyond it is
dropped, a collector that is slow, down or broken is told of once and harms nothing else. A span holds no words that were said.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from importlib import metadata
from typing import Any, cast

import structlog

from engine.command_metrics import Outcome
from engine.commands.command import Command
from engine.errors import ConfigError
from engine.options import TelemetryOptions, public_url

QUEUE = 2048
BATCH = 256
DELAY_MS = 1000  # a span waits no longer for others
EXPORT_S = 5.0  # for one batch, with repetitions
CLOSE_S = 2.0  # for what is left at the end

log = structlog.get_logger(__name__)

Trace = Callable[[Command, str, Outcome, int], None]  # a delivery to that sink has ended, after so many attempts


@asynccontextmanager
async def open_traces(options: TelemetryOptions) -> AsyncIterator[Trace]:
    """What makes the spans; nothing without an endpoint. ConfigError where the library is missing."""
    if options.otlp_endpoint is None:
        yield lambda *_: None
        return
    provider, exporter = _provider(options.otlp_endpoint)
    try:
        yield _tracing(provider)
    finally:
        if not await _ended_within(CLOSE_S, provider.shutdown):
            log.warning("The last traces were not taken in time")
            exporter.shutdown()


def _provider(endpoint: str) -> "tuple[Any, _Telling]":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - on demand
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        remedy = "install it (pip install 'cueline[otel]') or unset this"
        raise ConfigError(
            [f"OTEL_EXPORTER_OTLP_ENDPOINT: traces need the extra otel ({error.name}); {remedy}"]
        ) from error
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would log every batch that is not taken
    named = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "cueline"}
    resource = Resource.create({"service.version": metadata.version("cueline")} | named)
    authorities = os.environ.get("OTEL_EXPORTER_OTLP_CERTIFICATE") or os.environ.get("SSL_CERT_FILE")
    url = f"{endpoint.rstrip('/')}/v1/traces"
    exporter = _Telling(OTLPSpanExporter(endpoint=url, certificate_file=authorities, timeout=EXPORT_S), public_url(url))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(
        BatchSpanProcessor(
            cast("Any", exporter),
            max_queue_size=QUEUE,
            schedule_delay_millis=DELAY_MS,
            max_export_batch_size=BATCH,
        )
    )
    return provider, exporter


class _Telling:
    """An exporter that says when batches are taken no more, and when they are again; on the library's thread."""

    def __init__(self, exporter: Any, url: str) -> None:
        self._exporter = exporter
        self._url = url
        self._lost = 0  # spans, since they are taken no more
        self._over = False

    def export(self, spans: Sequence[Any]) -> Any:
        """One batch; what is not taken is lost."""
        result = self._exporter.export(spans)
        if result.name != "SUCCESS":
            if not self._lost and not self._over:
                log.warning("Traces are not taken: they are left out until they are", url=self._url)
            self._lost += len(spans)
        elif self._lost:
            log.info("Traces are taken again", url=self._url, lost=self._lost)
            self._lost = 0
        return result

    def shutdown(self) -> None:
        """No more; a repetition under way is given up. Any thread."""
        self._over = True
        self._exporter.shutdown()


def _tracing(provider: Any) -> Trace:
    from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415 - on demand

    tracer = provider.get_tracer("cueline")

    def trace(command: Command, sink: str, outcome: Outcome, attempts: int) -> None:
        end_ns = time.time_ns()
        attributes = {
            "cueline.rule": command.rule,
            "cueline.sink": sink,
            "cueline.outcome": outcome,
            "cueline.attempts": attempts,
            "cueline.conversation_id": command.conversation_id,
            "cueline.channel": command.channel,
            "cueline.fired_on": command.fired_on,
            "cueline.key": command.idempotency_key,
        }
        begin_ns = min(end_ns, _moment_ns(command.spotted_at))
        span = tracer.start_span("cueline.command", None, SpanKind.PRODUCER, attributes, start_time=begin_ns)
        span.set_status(StatusCode.OK if outcome == "delivered" else StatusCode.ERROR)
        span.end(end_ns)

    return trace


def _moment_ns(text: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time."""
    return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000


async def _ended_within(limit_s: float, end: Callable[[], object]) -> bool:
    """Call what may block in a thread that nobody waits for longer than that, not even the process's end; whether it ended."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def run() -> None:
        end()
        with suppress(RuntimeError):  # too late: the loop is closed
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="traces' end", daemon=True).start()
    try:
        async with asyncio.timeout(limit_s):
            await done.wait()
    except TimeoutError:
        return False
    return True
