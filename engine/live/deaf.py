"""Which calls should have audio, and get none. Pure."""

from collections.abc import Mapping

from engine.live.calls import Call, Line
from engine.live.rings import NS_PER_MS, ShardRings

NO_AUDIO_S = 10

Held = Mapping[tuple[int, int], tuple[Call, Line]]  # by shard and ring


def calls_without_audio(shards: Mapping[int, ShardRings], held: Held, now_s: float, now_ns: int) -> set[Call]:
    """Those that have been listening for NO_AUDIO_S, and got no frame on any channel in that time."""
    since_ns = now_ns - NO_AUDIO_S * 1000 * NS_PER_MS
    silent = [held[shard, ring] for shard, rings in shards.items() for ring in rings.silent(since_ns).tolist()]
    lines = {line for _, line in silent}
    calls = {call for call, _ in silent if call.info.state == "listening" and call.since_s <= now_s - NO_AUDIO_S}
    return {call for call in calls if all(line in lines for line in call.lines.values())}
