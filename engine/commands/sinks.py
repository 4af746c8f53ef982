"""Every sink type by its options.

A sink makes one attempt per `deliver` and raises SinkError; repetition, limits and the deadline are in `attempts`.
What can be known to be wrong before the first command (entry point, file, URL, secret) stops the start.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import assert_never

from engine.commands import webhook
from engine.commands.local_sinks import JsonLines, LogLines, PythonCall
from engine.commands.platform_actions import Attributes, Disconnect, Platform, Transfer
from engine.commands.redis_stream import RedisStream
from engine.commands.sink import Sink
from engine.errors import ConfigError
from engine.options import (
    AttributesSink,
    DisconnectSink,
    FileSink,
    LogSink,
    PythonSink,
    RedisSink,
    SinkOptions,
    TransferSink,
    WebhookSink,
)


@asynccontextmanager
async def open_sinks(options: Sequence[SinkOptions], platform: Platform | None) -> AsyncIterator[dict[str, Sink]]:
    """All sinks by name, each webhook with an HTTP client of its own; ConfigError with one line per fault.

    `platform` is None when no credentials are configured. Leave only after the dispatcher is closed.
    """
    async with AsyncExitStack() as stack:
        sessions = {
            sink.name: await stack.enter_async_context(webhook.open_session(sink.concurrency, sink.allow_addresses))
            for sink in options
            if isinstance(sink, WebhookSink)
        }
        sinks = build_sinks(options, platform, sessions)
        for sink in sinks.values():
            if isinstance(sink, RedisStream):
                stack.push_async_callback(sink.close)
        yield sinks


def build_sinks(
    options: Sequence[SinkOptions], platform: Platform | None, sessions: Mapping[str, webhook.Session]
) -> dict[str, Sink]:
    """See open_sinks."""
    sinks: dict[str, Sink] = {}
    faults: list[str] = []
    for sink in options:
        try:
            sinks[sink.name] = _build(sink, platform, sessions)
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return sinks


def _build(  # noqa: PLR0911 - one per type
    options: SinkOptions, platform: Platform | None, sessions: Mapping[str, webhook.Session]
) -> Sink:
    match options:
        case LogSink():
            return LogLines(options)
        case FileSink():
            return JsonLines(options)
        case PythonSink():
            return PythonCall(options)
        case WebhookSink():
            return webhook.Webhook(options, sessions[options.name])
        case TransferSink():
            return Transfer(options, _needed(platform, options))
        case DisconnectSink():
            return Disconnect(options, _needed(platform, options))
        case AttributesSink():
            return Attributes(options, _needed(platform, options))
        case RedisSink():
            return RedisStream(options)
        case _:
            assert_never(options)


def _needed(platform: Platform | None, options: TransferSink | DisconnectSink | AttributesSink) -> Platform:
    if platform is None:
        raise ConfigError([f"sinks.{options.name}.type = {options.type!r}: needs Genesys credentials, none are set"])
    return platform
