"""Logging, once per process: structlog to stderr, a readable line on a terminal, JSON otherwise.

Whatever raises an exception chooses its text, and may put words that were said, a token or a peer's message into it. So a
trace shows kinds and places, and texts of our own errors only; of what libraries log, the first line. The same holds for
what nobody caught.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TextIO, cast

import orjson
import structlog

from engine.errors import CuelineError

PLACES = 30  # of a trace, the innermost


def trace_of(error: BaseException) -> str:
    """Kinds and places of an exception and its causes, outermost first; texts of our own errors only."""
    return "\n".join(_lines_of(error, set()))


def _lines_of(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    yield _title(error)
    for place in traceback.extract_tb(error.__traceback__)[-PLACES:]:
        yield f"  at {'/'.join(Path(place.filename).parts[-3:])}:{place.lineno} in {place.name}"
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if inner is not None and id(inner) not in seen:
        yield "because of"
        yield from _lines_of(inner, seen)


def _title(error: BaseException) -> str:
    match error:
        case CuelineError():
            return f"{type(error).__name__}: {error}"
        case OSError(strerror=str(reason)):
            return f"{type(error).__name__}: {reason}"
        case _:
            return type(error).__name__


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
        _reserve,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    if as_json:
        processors.append(structlog.processors.JSONRenderer(serializer=_dumps))
    else:
        processors.append(structlog.dev.ConsoleRenderer())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(  # one write a line, for several processes write
            file=cast("TextIO", _Lenient(sys.stderr))
        ),
        cache_logger_on_first_use=False,
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(_Reserved("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[libraries])
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # it would log what peers send
    _hook_what_nobody_caught()


def _reserve(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Turn `exc_info`, in any form, into `exception`."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        event["exception"] = trace_of(error)
    return event


class _Reserved(logging.Formatter):
    """Other libraries' lines: the first line of the message, and the trace as we show it."""

    def format(self, record: logging.LogRecord) -> str:
        """As `logging.Formatter`."""
        first = record.getMessage().partition("\n")[0]
        line = f"{record.levelname} {record.name}: {first}"
        error = record.exc_info[1] if record.exc_info else None
        return f"{line}\n{trace_of(error)}" if error else line


def _hook_what_nobody_caught() -> None:
    log = structlog.get_logger(__name__)

    def of_process(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        log.error("nobody caught this", exc_info=error)

    sys.excepthook = of_process
    threading.excepthook = lambda args: log.error("nobody caught this in a thread", exc_info=args.exc_value)
    sys.unraisablehook = lambda args: log.error("nobody could catch this", exc_info=args.exc_value)


def _dumps(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
