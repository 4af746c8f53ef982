"""A supervisor in small, to be killed: starts a pool of two, says whose process ids it has, and waits for its end."""

import asyncio
import json

import uvloop

from engine.logs import configure_logging
from tests.support.shards import Ear, fork_server_pid, recording, running_pool


async def main() -> None:
    configure_logging("error")
    async with running_pool(Ear(), count=2) as pool:
        lease = pool.lease("a", ("external",))
        lease.feed("external").push(recording(1).part(0, 3000))
        print(json.dumps({"workers": pool.worker_pids, "fork_server": fork_server_pid(pool)}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
