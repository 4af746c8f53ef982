"""Logging, once per process: structlog to stderr, a readable line on a terminal, JSON otherwise."""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import orjson
import structlog


class _Lenient:
    """A stream that loses what can't be written: a reader of our log that went away must not fail a call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """As a file's."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """As a file's."""
        with suppress(OSError):
            self._stream.flush()


def configure_logging(level: str, *, json: bool | None = None) -> None:
    """Set level and form for this process. `json=None`: JSON unless stderr is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if as_json:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]
    else:
        processors.append(structlog.dev.ConsoleRenderer())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", _Lenient(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # it would log what peers send


def _dumps(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
