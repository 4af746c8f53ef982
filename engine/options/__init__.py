"""Every setting as one frozen object per part; units stand in the names.

Pure nouns: `config.py` fills them from environment and TOML, everything else only reads them.
Bounds and descriptions live here once; error messages and the configuration reference are made from them.
"""

from engine.options.audiohook import AudioHookKey, AudioHookOptions
from engine.options.base import (
    FRAME_MS,
    Channel,
    ConversationId,
    HttpUrl,
    Name,
    Options,
    Phrase,
    Positive,
    SocketUrl,
    public_url,
)
from engine.options.discovery import DiscoveryOptions
from engine.options.engine import (
    AdminOptions,
    ConsoleOptions,
    EngineOptions,
    OutboxOptions,
    ShardOptions,
    TelemetryOptions,
)
from engine.options.fleet import FleetOptions
from engine.options.genesys import GenesysOptions
from engine.options.rules import RuleOptions
from engine.options.sinks import (
    DEADLINE_S,
    AttributesSink,
    DisconnectSink,
    FileSink,
    LogSink,
    PythonSink,
    RedisSink,
    SinkBase,
    SinkOptions,
    Target,
    TransferSink,
    WebhookSink,
)
from engine.options.speech import PROFILES, Profile, SpeechOptions

__all__ = [
    "DEADLINE_S",
    "FRAME_MS",
    "PROFILES",
    "AdminOptions",
    "AttributesSink",
    "AudioHookKey",
    "AudioHookOptions",
    "Channel",
    "ConsoleOptions",
    "ConversationId",
    "DisconnectSink",
    "DiscoveryOptions",
    "EngineOptions",
    "FileSink",
    "FleetOptions",
    "GenesysOptions",
    "HttpUrl",
    "LogSink",
    "Name",
    "Options",
    "OutboxOptions",
    "Phrase",
    "Positive",
    "Profile",
    "PythonSink",
    "RedisSink",
    "RuleOptions",
    "ShardOptions",
    "SinkBase",
    "SinkOptions",
    "SocketUrl",
    "SpeechOptions",
    "Target",
    "TelemetryOptions",
    "TransferSink",
    "WebhookSink",
    "public_url",
]
