"""What the rest knows of a sink: its limits, and one attempt."""

from typing import Protocol

from engine.commands.command import Command
from engine.options import SinkBase


class Sink(Protocol):
    """Where one kind of effect leaves."""

    @property
    def options(self) -> SinkBase:
        """Name and limits."""
        ...

    @property
    def idempotent(self) -> bool:
        """Whether the effect may be had twice: only then is an attempt without an answer repeated."""
        ...

    async def deliver(self, command: Command) -> None:
        """Make one attempt. Raises SinkError; bounded by its caller, who cancels it after `options.timeout_s`."""
        ...
