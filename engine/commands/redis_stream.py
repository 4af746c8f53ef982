"""Sink `redis`: a CloudEvent at the end of a Redis stream, for readers who come when they can, in consumer groups of theirs.

An entry has two fields: `id`, the idempotency key, and `event`, the webhook's body as JSON. One script adds the entry and
remembers the key, so an attempt that is repeated after a lost answer, by this engine or another of its fleet, adds nothing: within
`once_s` a key is in the stream once. The stream is trimmed to about `max_length`: Redis' memory is bounded whoever reads, or not.
"""

import orjson

from engine.commands.command import Command
from engine.errors import ConfigError, FleetError, SinkError
from engine.options import RedisSink
from engine.redis_client import RedisClient, Script, open_redis

# The entry first: where Redis refuses it (memory, a key of another type), nothing is remembered.
ADD_ONCE = Script("""
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'id', ARGV[2], 'event', ARGV[3])
redis.call('SET', KEYS[2], '', 'PX', ARGV[4])
return 1
""")
MAY_PASS = frozenset({"unreachable", "readonly", "full"})  # a failover, a restart, memory that somebody frees


class RedisStream:
    """One stream. Not connected before the first command; closed by `close`."""

    idempotent = True

    def __init__(self, options: RedisSink) -> None:
        """ConfigError without the extra `fleet`, or without an address."""
        self.options = options
        self._client = _client_of(options)
        self._remembered = remembered_under(options.stream)

    async def deliver(self, command: Command) -> None:
        """Add it once. Raises SinkError; retryable where Redis may take it later."""
        key = command.idempotency_key
        event, once_ms = orjson.dumps(command.body()), int(self.options.once_s * 1000)
        try:
            await self._client.script(
                ADD_ONCE, (self.options.stream, self._remembered + key), self.options.max_length, key, event, once_ms
            )
        except FleetError as error:
            happened = "unknown" if error.kind == "unreachable" else "no"
            retryable = error.kind in MAY_PASS
            raise SinkError(f"sink {self.options.name}: {error}", retryable=retryable, happened=happened) from error

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


def remembered_under(stream: str) -> str:
    """What the keys of remembered commands begin with.

    In a cluster they lie where the stream does (hash tags), unless its name has a brace that makes no tag.
    """
    tag = stream.partition("{")[2].partition("}")
    tagged = bool(tag[0] and tag[1])
    return f"{stream}:once:" if tagged else f"{{{stream}}}:once:"


def _client_of(options: RedisSink) -> RedisClient:
    where = f"sinks.{options.name}.url"
    if options.url is None:
        raise ConfigError([f"{where}: not set"])
    try:
        return open_redis(options.url, options.password, options.timeout_s, options.concurrency)
    except ConfigError as error:
        raise ConfigError([f"{where}: {fault.partition(': ')[2]}" for fault in error.faults]) from error
