"""What the doctor looks at of a fleet's Redis, and of those that sinks write to: reached, new enough, a primary, forgetful.

Nothing is changed: PING, TIME, INFO and COMMAND INFO are all that is asked. What it may not ask it says nothing of.
"""

import time
from collections.abc import Iterable, Mapping

from engine.doctor_checks import Check
from engine.errors import ConfigError, FleetError
from engine.fleet.rows import info_of
from engine.options import FleetOptions, RedisSink, SinkOptions
from engine.redis_client import RedisClient, open_redis

FAR_S = 0.05
NEEDED = "XAUTOCLAIM"
FULL_SHARE = 0.8
REMEDIES = {
    "unreachable": "start it, or mend CUELINE_REDIS_URL; check the way to it (firewall, TLS: rediss://)",
    "refused": "check user and password (CUELINE_REDIS_PASSWORD), and that the user may do what docs/fleet.md lists",
    "old": "use Redis 6.2 or newer, or Valkey",
    "readonly": "give the primary's address",
    "full": "raise maxmemory, or find what fills it",
    "protocol": "is that a Redis? docs/fleet.md says what is needed",
}


async def check_fleet(options: FleetOptions) -> list[Check]:
    """The Redis of the fleet, where there is one."""
    if options.redis_url is None:
        return []
    name = f"fleet {options.name}"
    try:
        client = open_redis(options.redis_url, options.redis_password)
    except ConfigError as error:
        return [Check(name, "fail", "\n".join(error.faults), "pip install 'cueline[fleet]'")]
    return await _checked(name, client, options.node)


async def check_redis_sinks(sinks: Iterable[SinkOptions]) -> list[Check]:
    """One for each sink of type redis."""
    return [check for sink in sinks if isinstance(sink, RedisSink) for check in await _check_sink(sink)]


async def _check_sink(options: RedisSink) -> list[Check]:
    name = f"redis {options.name}"
    if options.url is None:
        return []
    try:
        client = open_redis(options.url, options.password, options.timeout_s)
    except ConfigError as error:
        return [Check(name, "fail", "\n".join(error.faults), "pip install 'cueline[fleet]'")]
    (check, *_) = await _checked(name, client, f"stream {options.stream}")
    if check.verdict == "fail":  # as for a webhook that is down: its commands wait
        return [Check(name, "warn", check.found, check.advice)]
    return [check]


async def _checked(name: str, client: RedisClient, said: str) -> list[Check]:
    try:
        await client.run("PING")  # the way there is not counted twice
        begun_s = time.monotonic()
        seconds, micros = await client.run("TIME")
        took_s = time.monotonic() - begun_s
        (xautoclaim,) = await client.run("COMMAND", "INFO", NEEDED)
        info = info_of(await client.run("INFO"))
    except FleetError as error:
        return [Check(name, "fail", str(error), REMEDIES[error.kind])]
    finally:
        await client.close()
    ahead_s = int(seconds) + int(micros) / 1e6 + took_s / 2 - time.time()
    told = f"{said}: Redis {info.get('redis_version', '?')} at {client.where}, {took_s * 1000:.1f} ms away, clock {ahead_s:+.1f} s"
    return judge_redis(name, told, info, knows=xautoclaim is not None, took_s=took_s)


def judge_redis(name: str, told: str, info: Mapping[str, str], *, knows: bool, took_s: float) -> list[Check]:
    """What INFO says of it: a check for the whole, and one for how much it would forget."""
    if not knows:
        return [Check(name, "fail", f"{told}; it does not know {NEEDED}", REMEDIES["old"])]
    if info.get("role") == "slave":
        return [Check(name, "fail", f"{told}; it is a replica", REMEDIES["readonly"])]
    if took_s > FAR_S:
        found = Check(name, "warn", told, "take a Redis nearer by: it is asked before each command")
    else:
        found = Check(name, "ok", told)
    return [found, _memory(f"{name} memory", info), _keeping(f"{name} keeps", info)]


def _memory(name: str, info: Mapping[str, str]) -> Check:
    used, limit = (int(info.get(field, 0)) for field in ("used_memory", "maxmemory"))
    policy = info.get("maxmemory_policy", "noeviction")
    found = f"{used / 1e6:.1f} MB used of {f'{limit / 1e6:.0f} MB' if limit else 'all there is'}, {policy}"
    if policy != "noeviction":
        return Check(
            name, "fail", found, "CONFIG SET maxmemory-policy noeviction: else leases are dropped to make room"
        )
    if not limit:
        return Check(name, "warn", found, "set maxmemory: without it the kernel ends Redis where memory runs out")
    if used > FULL_SHARE * limit:
        return Check(name, "warn", found, REMEDIES["full"])
    return Check(name, "ok", found)


def _keeping(name: str, info: Mapping[str, str]) -> Check:
    replicas = int(info.get("connected_slaves", 0))
    others = f"{replicas} {'replica' if replicas == 1 else 'replicas'}"
    if info.get("aof_enabled") != "1":
        advice = "CONFIG SET appendonly yes (and in its file): after a crash offers and effects are forgotten"
        return Check(name, "warn", f"no append-only file, {others}", advice)
    if info.get("aof_last_write_status", "ok") != "ok":
        return Check(name, "fail", f"append-only file can't be written, {others}", "mend its disk: see its log")
    return Check(name, "ok", f"append-only file, {others}")
