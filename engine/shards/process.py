"""The supervisor's handle on the fork server: start it, ask for workers, hear of their ends, stop it."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from engine.errors import ConfigError, CuelineError, ModelError, VocabularyError
from engine.packets import PacketLink, socket_pair
from engine.shards.messages import (
    SERVER_CODEC,
    ForkWorker,
    Prepare,
    Prepared,
    PrepareFailed,
    WorkerExited,
    WorkerForked,
)

_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a process that forks has one thread
_OURS = (
    "GENESYS_",
    "CUELINE_",
    "OTEL_",
)  # settings and secrets: a worker runs the operator's callables and needs none of them
_END_S = 1.0
_ENDED = "Vosk ended the process while loading the model: it is broken or truncated: fetch it again, or try another"


def _environment() -> dict[str, str]:
    """Ours without secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)} | _ENVIRONMENT


def _error_of(failure: PrepareFailed) -> CuelineError:
    faults = list(failure.faults)
    match failure.kind:
        case "vocabulary":
            return VocabularyError(faults)
        case "config":
            return ConfigError(faults)
        case _:
            return ModelError("\n".join(faults))


class ForkServer:
    """One process; `on_died` is called when it goes without having been stopped."""

    def __init__(
        self,
        on_forked: Callable[[WorkerForked], None],
        on_exited: Callable[[WorkerExited], None],
        on_died: Callable[[], None],
    ) -> None:
        self._on_forked = on_forked
        self._on_exited = on_exited
        self._on_died = on_died
        self._process: asyncio.subprocess.Process | None = None
        self._link: PacketLink | None = None
        self._prepared: asyncio.Future[Prepared] | None = None
        self._serving = False

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process else None

    async def start(self, prepare: Prepare, timeout_s: float) -> Prepared:
        """Start it and load the model; ModelError, VocabularyError or ConfigError where that fails. Nothing is left then."""
        ours, theirs = socket_pair()
        self._prepared = asyncio.get_running_loop().create_future()
        self._link = PacketLink(ours, SERVER_CODEC, self._receive, self._closed)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self.stop, _END_S)
            with theirs:
                self._process = await self._spawn(theirs.fileno())
            prepared = await self._prepare(self._link, prepare, self._prepared, timeout_s)
            if self._link is None:
                raise ModelError(_ENDED)
            undo.pop_all()
        self._serving = True
        return prepared

    async def _spawn(self, fd: int) -> asyncio.subprocess.Process:
        """Run it in a session of its own: Ctrl-C is for the supervisor alone, even while Python still starts."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine.shards.fork_server", str(fd),
            pass_fds=(fd,), stdin=asyncio.subprocess.DEVNULL, env=_environment(), start_new_session=True,
        )  # fmt: skip

    async def _prepare(
        self, link: PacketLink, prepare: Prepare, prepared: asyncio.Future[Prepared], timeout_s: float
    ) -> Prepared:
        try:
            link.send(prepare)
        except ValueError as error:
            raise ConfigError([f"rules: too much for one engine ({error}); use fewer or shorter rules"]) from error
        try:
            async with asyncio.timeout(timeout_s):
                return await prepared
        except TimeoutError:
            raise ModelError(f"the model was not loaded within {timeout_s:g} s; raise shards.start_timeout_s") from None

    def fork(self, message: ForkWorker, fds: tuple[int, ...]) -> None:
        """Ask for a worker; `on_forked` tells of it. The descriptors must stay open until then."""
        assert self._link is not None
        self._link.send(message, fds)

    def kill(self) -> None:
        """End it at once; `on_died` follows."""
        if self._process:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self, timeout_s: float) -> None:
        """Let it end by itself, then kill it."""
        self._serving = False
        if self._link:
            self._link.close()
            self._link = None
        if self._process:
            process, self._process = self._process, None
            try:
                async with asyncio.timeout(timeout_s):
                    await process.wait()
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _receive(self, message: object) -> None:
        match message:
            case WorkerForked():
                self._on_forked(message)
            case WorkerExited():
                self._on_exited(message)
            case Prepared() if self._prepared and not self._prepared.done():
                self._prepared.set_result(message)
            case PrepareFailed() if self._prepared and not self._prepared.done():
                self._prepared.set_exception(_error_of(message))
            case _:
                raise TypeError(f"not for a supervisor: {type(message).__name__}")

    def _closed(self) -> None:
        self._link = None
        if self._prepared and not self._prepared.done():
            self._prepared.set_exception(ModelError(_ENDED))
        elif self._serving:
            self._serving = False
            self._on_died()
