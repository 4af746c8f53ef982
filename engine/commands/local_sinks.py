"""The sinks that need no network: log, file, python."""

import inspect
import os
import pkgutil
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import structlog

from engine.commands.command import Command
from engine.commands.threads import Threads
from engine.errors import ConfigError, SinkError
from engine.options import FileSink, LogSink, PythonSink

log = structlog.get_logger(__name__)

# O_NONBLOCK changes nothing for a plain file, and makes a pipe that nobody reads an error instead of a wait.
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class LogLines:
    """A line in the log: where and when, never what was said."""

    idempotent = True

    def __init__(self, options: LogSink) -> None:
        self.options = options

    async def deliver(self, command: Command) -> None:
        """Write the line."""
        log.info(
            "Phrase spotted",
            sink=self.options.name,
            rule=command.rule,
            conversation_id=command.conversation_id,
            channel=command.channel,
            fired_on=command.fired_on,
            confidence=command.confidence,
            phrase_end_ms=command.phrase_end_ms,
        )


class JsonLines:
    """One line per command at the end of a file, each in a single write; opened per line, so the file may be rotated."""

    idempotent = True

    def __init__(self, options: FileSink) -> None:
        """Create folder and file (0600). ConfigError when they can't be."""
        self.options = options
        self._threads = Threads(options.name, self._append, options.concurrency)
        self._lock = threading.Lock()
        self._torn = False  # the last line lacks its end
        try:
            options.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(options.path, APPEND, 0o600))
        except OSError as error:
            raise ConfigError([f"sinks.{options.name}.path = '{options.path}': {error.strerror}"]) from error

    async def deliver(self, command: Command) -> None:
        """Append one line in a thread. SinkError (retryable) when the system refuses."""
        await self._threads.call(orjson.dumps(command.body(), option=orjson.OPT_APPEND_NEWLINE))

    def _append(self, line: bytes) -> None:
        try:
            with self._lock:
                self._write(b"\n" + line if self._torn else line)
        except OSError as error:
            raise SinkError(f"sink {self.options.name}: {error.strerror}", retryable=True) from error

    def _write(self, data: bytes) -> None:
        """Write all or nothing but a torn line, which the next write ends first."""
        descriptor = os.open(self.options.path, APPEND, 0o600)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        self._torn = written < len(data)
        if self._torn:
            raise SinkError(f"sink {self.options.name}: the line was cut short", retryable=True)


class PythonCall:
    """Calls the operator's own function with the webhook's body, in a thread; what it returns is awaited if it can be.

    Nothing is known of its effect, so it is called once: no answer in time is outcome `unknown`, an error is `failed`.
    An awaitable runs on the event loop and must not block it.
    """

    idempotent = False

    def __init__(self, options: PythonSink) -> None:
        """ConfigError when the entry point can't be imported or called."""
        self.options = options
        self._function = _resolve(options)
        self._threads = Threads(options.name, self._call, options.concurrency)

    async def deliver(self, command: Command) -> None:
        """Call the function. SinkError names the kind and place of what it raised, not its text."""
        result = await self._threads.call(command.body())
        if inspect.isawaitable(result):
            try:
                await result
            except (Exception, SystemExit) as error:
                raise self._fault(error) from error

    def _call(self, body: dict[str, Any]) -> Any:
        try:
            return self._function(body)
        except BaseException as error:  # the operator's code: even SystemExit ends this delivery only
            raise self._fault(error) from error

    def _fault(self, error: BaseException) -> SinkError:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        return SinkError(f"sink {self.options.name}: {where}", retryable=False)


def _resolve(options: PythonSink) -> Callable[[dict[str, Any]], Any]:
    """Import `module:callable`."""
    try:
        function = pkgutil.resolve_name(options.entry_point)
    except Exception as error:  # noqa: BLE001 - importing runs the operator's code, which may raise anything
        fault = f"can't be imported ({type(error).__name__}: {error})"
    else:
        if callable(function):
            return function  # type: ignore[no-any-return] # callable() narrows Any to nothing better
        fault = "is not callable"
    raise ConfigError([f"sinks.{options.name}.entry_point = {options.entry_point!r}: {fault}"])
