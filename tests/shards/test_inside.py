"""The shards as the live view sees them, on a real pool."""

import os

from tests.support.shards import running_pool
from tests.support.waiting import until


class Watcher:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def taken(self, lease) -> None:
        self.told.append(("taken", lease.key, lease.channel))

    def ended(self, lease) -> None:
        self.told.append(("ended", lease.key, lease.channel))


async def test_shards_and_leases_are_seen(ear):
    watcher = Watcher()
    async with running_pool(ear, count=2, rings=4) as pool:
        pool.inside.watch(watcher)
        first, second = pool.inside.shards()
        assert [(shard.shard, shard.up, shard.dropped, shard.restarts) for shard in (first, second)] == [
            (0, True, 0, 0),
            (1, True, 0, 0),
        ]
        assert {first.pid, second.pid} == set(pool.worker_pids)
        assert first.capacity_left == 1.0
        lease = pool.lease("a", ("external", "internal"))
        assert watcher.told == [("taken", "a", "external"), ("taken", "a", "internal")]
        assert sorted(shard.capacity_left < 1 for shard in pool.inside.shards()) == [False, True]
        assert pool.inside.arena(0).rings == 4
        lease.release()
        await until(lambda: len(watcher.told) == 4)
        assert {told[0] for told in watcher.told[2:]} == {"ended"}
        os.kill(first.pid, 9)
        await until(lambda: pool.inside.shards()[0].restarts == 1)
        await until(lambda: pool.all_up)
    assert pool.inside.shards() == []
