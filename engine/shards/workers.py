"""Keep one worker on every shard: fork it, notice its death or hang, replace it within its budget, end it in order.

Death is seen at once (the worker's socket closes), a hang by the heartbeat of its work loop. A dead fork server is replaced
too. What a worker has to know and what it says is the pool's business: `bury` is called for each that ended, before `greet`
for the fresh one, `receive` with each message, `give_up` when a shard will have none for a while.
"""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

import structlog

from engine.errors import CuelineError
from engine.options import ShardOptions
from engine.packets import PacketLink, socket_pair
from engine.shards.messages import WORKER_CODEC, Drain, ForkWorker, Prepare, Prepared, WorkerExited, WorkerForked
from engine.shards.process import ForkServer
from engine.shards.shard import Shard, ShardState

CHECK_S = 0.25
LATE_S = 1.0  # a check that comes so late after its time says that we were paused: silence meanwhile was ours
REVIVAL_PAUSE_S = 1.0

log = structlog.get_logger(__name__)


class Workers:
    """The shards and what keeps them manned."""

    def __init__(
        self,
        options: ShardOptions,
        prepare: Prepare,
        *,
        bury: Callable[[Shard], None],
        greet: Callable[[Shard], None],
        receive: Callable[[object], None],
        give_up: Callable[[Shard], None],
    ) -> None:
        self.shards: list[Shard] = []
        self.stopping = False
        self.killed = False  # at the deadline
        self._options = options
        self._prepare = prepare
        self._bury = bury
        self._greet = greet
        self._receive = receive
        self._give_up = give_up
        self._server = ForkServer(self._forked, self._exited, self._server_died)
        self._server_up = False
        self._unforked: dict[tuple[int, int], socket.socket] = {}  # the worker's end, by shard and generation
        self._check: asyncio.TimerHandle | None = None
        self._check_at = 0.0
        self._revival: asyncio.Task[None] | None = None

    async def start(self) -> Prepared:
        """Load the model and fork all workers; what `ForkServer.start` raises where that fails."""
        prepared = await self._server.start(self._prepare, self._options.start_timeout_s)
        if prepared.threads > 1:  # an entry point's module may have started one
            log.warning("fork server has more than one thread: workers may hang", threads=prepared.threads)
        self._server_up = True
        self.shards = [Shard(index, self._options) for index in range(self._options.count)]
        for shard in self.shards:
            self._fork(shard)
        self._check_hangs()
        return prepared

    async def stop(self, timeout_s: float) -> None:
        """Let every worker hear its rings to their heads and end, then the fork server; kill at the deadline. Once."""
        if self.stopping:
            return
        self.stopping = True
        if self._check:
            self._check.cancel()
        if self._revival:
            self._revival.cancel()
            await asyncio.wait([self._revival])
        for shard in self.shards:
            if shard.link:
                shard.link.send(Drain())
        try:
            async with asyncio.timeout(timeout_s):
                for shard in self.shards:
                    await shard.gone.wait()
        except TimeoutError:
            left = [shard for shard in self.shards if not shard.gone.is_set()]
            log.warning("workers killed at the deadline", shards=[shard.index for shard in left])
            self.killed = True
            for shard in left:
                shard.kill()
        await self._server.stop(1)
        self._drop_unforked()
        for shard in self.shards:
            shard.close()
        self.shards = []

    def _fork(self, shard: Shard) -> None:
        """Ask for a worker, unless the shard has one: a pause after a death may end after a revival has forked it."""
        if self.stopping or not self._server_up or shard.link:
            return
        ours, theirs = socket_pair()
        shard.begin_generation(PacketLink(ours, WORKER_CODEC, self._receive, partial(self._gone, shard)))
        self._unforked[shard.index, shard.generation] = theirs
        message = ForkWorker(shard.index, shard.generation, self._options.rings, self._options.slots)
        self._server.fork(message, (theirs.fileno(), shard.arena.fd, shard.doorbell.fd))
        self._greet(shard)

    def _forked(self, message: WorkerForked) -> None:
        self._unforked.pop((message.shard, message.generation)).close()
        shard = self.shards[message.shard]
        if shard.generation == message.generation and shard.link:
            shard.pid = message.pid
            shard.state = ShardState.UP
            log.info("worker up", shard=shard.index, generation=shard.generation, pid=message.pid)

    def _exited(self, message: WorkerExited) -> None:
        if not self.stopping:
            log.warning("worker exited", pid=message.pid, status=message.status)

    def _gone(self, shard: Shard) -> None:
        shard.kill()  # it has closed its end by dying, or its link was closed because it sent rubbish
        never_was = shard.state is ShardState.STARTING and not self._server_up
        shard.link, shard.pid, shard.state = None, None, ShardState.DOWN
        shard.gone.set()
        if self.stopping or never_was:  # the next fork server makes it
            return
        self._bury(shard)
        loop = asyncio.get_running_loop()
        pause_s = shard.budget.pause_after_death(loop.time())
        if pause_s is None:
            shard.state = ShardState.GIVEN_UP
            pause_s = shard.budget.pause_after_giving_up(loop.time())
            log.error("shard given up: too many restarts", shard=shard.index, again_in_s=pause_s)
            self._give_up(shard)
            loop.call_later(pause_s, self._try_again, shard)
        elif pause_s == 0:
            self._fork(shard)
        else:
            loop.call_later(pause_s, self._fork, shard)

    def _try_again(self, shard: Shard) -> None:
        """A shard that was given up gets another worker, now or from the next fork server."""
        log.warning("shard tried again", shard=shard.index)
        shard.state = ShardState.DOWN
        self._fork(shard)

    def _check_hangs(self) -> None:
        loop = asyncio.get_running_loop()
        late = self._check_at and loop.time() - self._check_at > LATE_S
        for shard in self.shards:
            shard.sample()
            if late:
                shard.excuse()
            elif shard.state is ShardState.UP and shard.hangs():
                log.error("worker hangs: killed", shard=shard.index, silent_s=round(shard.silent_s(), 1))
                shard.kill()
            elif shard.state is ShardState.STARTING and shard.silent_s() > self._options.start_timeout_s:
                log.error("fork server hangs: killed", shard=shard.index, silent_s=round(shard.silent_s(), 1))
                self._server.kill()
        self._check_at = loop.time() + CHECK_S
        self._check = loop.call_at(self._check_at, self._check_hangs)

    def _server_died(self) -> None:
        self._server_up = False
        self._drop_unforked()  # workers that were never forked count as gone
        if not self.stopping:
            log.error("fork server died: starting another")
            self._revival = asyncio.get_running_loop().create_task(self._revive())

    def _drop_unforked(self) -> None:
        for sock in self._unforked.values():
            sock.close()
        self._unforked.clear()

    async def _revive(self) -> None:
        """Start another fork server, then the workers that are missing."""
        await self._server.stop(0)
        while not self._server_up:
            try:
                await self._server.start(self._prepare, self._options.start_timeout_s)
                self._server_up = True
            except (CuelineError, OSError) as error:
                log.error("fork server can't be started", error=str(error))  # noqa: TRY400 (the message is the cause)
                await asyncio.sleep(REVIVAL_PAUSE_S)
        for shard in self.shards:
            if shard.state is not ShardState.GIVEN_UP:
                self._fork(shard)
