"""Sinks `genesys.transfer`, `genesys.disconnect`, `genesys.attributes`.

Transfer and disconnect are not idempotent: they are repeated only when the platform proves that nothing was done and
asks for patience (429) or was never reached; anything else ends the delivery, as `unknown` where it may have happened.
Attributes may be set twice, so their passing faults are repeated.
"""

import re
from collections.abc import Awaitable
from typing import Protocol

from engine.commands.command import Command
from engine.errors import PlatformError, SinkError
from engine.genesys.platform_messages import TransferTarget
from engine.options import AttributesSink, DisconnectSink, Target, TransferSink

UNREACHED_OR_BUSY = frozenset({0, 429})  # nothing was done and that may change
PASSING = frozenset({0, 408, 425, 429})  # and every 5xx
PLACEHOLDER = re.compile(r"\{(phrase|rule|spotted_at)\}")


class Platform(Protocol):
    """What these sinks need of the platform client. Every call makes at most one request and raises PlatformError."""

    async def transfer(self, conversation_id: str, target: TransferTarget) -> None:
        """Transfer the call, blind."""
        ...

    async def disconnect(self, conversation_id: str, participant: Target) -> None:
        """Hang up one participant."""
        ...

    async def set_attributes(self, conversation_id: str, participant: Target, attributes: dict[str, str]) -> None:
        """Set attributes of one participant."""
        ...


class Transfer:
    """Transfers the call to the configured queue, user or address."""

    idempotent = False

    def __init__(self, options: TransferSink, platform: Platform) -> None:
        self.options = options
        self._platform = platform
        self._target = _target_of(options)

    async def deliver(self, command: Command) -> None:
        """One request. Raises SinkError."""
        await _once(self.options.name, self._platform.transfer(command.conversation_id, self._target))


class Disconnect:
    """Hangs up the configured participant."""

    idempotent = False

    def __init__(self, options: DisconnectSink, platform: Platform) -> None:
        self.options = options
        self._platform = platform

    async def deliver(self, command: Command) -> None:
        """One request. Raises SinkError."""
        request = self._platform.disconnect(command.conversation_id, self.options.participant)
        await _once(self.options.name, request)


class Attributes:
    """Sets attributes of the configured participant."""

    idempotent = True

    def __init__(self, options: AttributesSink, platform: Platform) -> None:
        self.options = options
        self._platform = platform

    async def deliver(self, command: Command) -> None:
        """One request. Raises SinkError."""
        attributes = {name: fill(text, command) for name, text in self.options.attributes.items()}
        try:
            await self._platform.set_attributes(command.conversation_id, self.options.participant, attributes)
        except PlatformError as error:
            raise _fault(self.options.name, error, error.status in PASSING or error.status >= 500) from error


def fill(text: str, command: Command) -> str:
    """Fill in `{phrase}`, `{rule}`, `{spotted_at}`; other braces, and braces in what is filled in, stay as they are."""
    values = {"phrase": command.phrase, "rule": command.rule, "spotted_at": command.spotted_at}
    return PLACEHOLDER.sub(lambda found: values[found[1]], text)


async def _once(name: str, request: Awaitable[None]) -> None:
    """Await a request whose effect must not be had twice."""
    try:
        await request
    except PlatformError as error:
        raise _fault(name, error, error.happened == "no" and error.status in UNREACHED_OR_BUSY) from error


def _fault(name: str, error: PlatformError, retryable: bool) -> SinkError:
    message = f"sink {name}: {error}"
    return SinkError(message, retryable=retryable, retry_after_s=error.retry_after_s, happened=error.happened)


def _target_of(options: TransferSink) -> TransferTarget:
    """TransferSink holds exactly one of the three."""
    if options.queue_id is not None:
        return TransferTarget("queue", options.queue_id)
    if options.user_id is not None:
        return TransferTarget("user", options.user_id)
    assert options.address is not None, "exactly one target is set"
    return TransferTarget("address", options.address)
