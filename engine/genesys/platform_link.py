"""One platform process, seen from the supervisor's event loop: start it, ask it, end it.

Every question ends: with an answer, at its deadline (the process keeps it too; a second later it is taken for hung), or
when the process is gone. A process that is gone leaves no one waiting: reads fail as "nothing happened", actions as
"unknown", because theirs may have left. Never imports the SDK; secrets go over the socket, not argv or environment.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, assert_never

import structlog

import engine
from engine.errors import PlatformError
from engine.genesys.notification_messages import ChannelOpened, LiveFound, QueuesListed, TopicsHeld
from engine.genesys.platform_messages import (
    Answer,
    Checked,
    Configure,
    Disconnect,
    Done,
    Failed,
    Forget,
    LimitNeared,
    Note,
    RateLimited,
    Ready,
    RenewalFailed,
    Request,
    Retried,
    SetAttributes,
    TokenDescribed,
    TokenGiven,
    TokenRenewed,
    Transfer,
    Up,
    platform_codec,
)
from engine.packets import PacketLink, socket_pair

log = structlog.get_logger(__name__)

MODULE = "engine.genesys.platform_process"
START_TIMEOUT_S = 20.0
MARGIN_S = 1.0
END_TIMEOUT_S = 3.0
ACTIONS = (Transfer, Disconnect, SetAttributes)


class PlatformLink:
    """A process and the questions it has not answered. Made by `start`; the owner closes it, whatever happened."""

    def __init__(self, process: Process, on_note: Callable[[Note], None]) -> None:
        self._process = process
        self._on_note = on_note
        self._pending: dict[int, tuple[bool, asyncio.Future[Any]]] = {}
        self._ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._link: PacketLink | None = None
        self.usable = True  # False once it is gone or hung

    @classmethod
    async def start(
        cls, configure: Configure, on_note: Callable[[Note], None], timeout_s: float = START_TIMEOUT_S
    ) -> Self:
        """Start a process and wait until the SDK is loaded; PlatformError."""
        ours, theirs = socket_pair()
        with theirs:
            try:
                process = await _spawn(theirs.fileno())
            except BaseException:
                ours.close()
                raise
        self = cls(process, on_note)
        self._link = PacketLink(ours, platform_codec(), self._on_message, self._on_gone)
        try:
            self._link.send(configure)
            async with asyncio.timeout(timeout_s):
                lean = await self._ready
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                message = f"The platform process was not ready within {timeout_s:.3g} s"
                raise PlatformError(message, happened="no") from error
            raise
        log.info("Platform process started.", pid=self.pid, lean_sdk=lean)
        return self

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def ask(self, request: Request) -> Any:
        """Send a request and return its answer's content; PlatformError."""
        changes = isinstance(request, ACTIONS)
        if not self.usable:
            raise PlatformError("The platform process ended; the request was not sent", happened="no")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[request.number] = (changes, future)
        try:
            self._send(request)
            async with asyncio.timeout(request.deadline_s + MARGIN_S - time.monotonic()):
                return await future
        except TimeoutError as error:
            self.usable = False
            message = "The platform process did not answer in time; it will be replaced"
            raise PlatformError(message, happened=_unsure(changes)) from error
        except asyncio.CancelledError:
            self._send(Forget(request.number))
            raise
        finally:
            del self._pending[request.number]

    async def close(self, grace_s: float = 0.0, patience_s: float = END_TIMEOUT_S) -> None:
        """Let pending requests end for so long, close the socket; kill a process that has not ended after patience_s."""
        if self._pending and grace_s > 0:
            await asyncio.wait([future for _, future in self._pending.values()], timeout=grace_s)
        if self._link is not None:
            self._link.close()
        self._on_gone()
        try:
            async with asyncio.timeout(patience_s):
                await self._process.wait()
        except TimeoutError:
            log.warning("Platform process is killed.", pid=self.pid)
        finally:
            if self._process.returncode is None:
                self._process.kill()
                await self._process.wait()

    def _send(self, message: Request | Forget) -> None:
        if self._link is None:
            return
        try:
            self._link.send(message)
        except ValueError as error:
            raise PlatformError(f"Not sent: {error}", happened="no") from error

    def _on_message(self, message: Up) -> None:
        match message:
            case Ready():
                self._ready.set_result(message.lean)
            case TokenRenewed() | Retried() | LimitNeared() | RateLimited() | RenewalFailed():
                self._on_note(message)
            case _:
                _, future = self._pending.get(message.number, (False, None))
                if future is not None and not future.done():
                    _settle(future, message)

    def _on_gone(self) -> None:
        self.usable = False
        if not self._ready.done():
            self._ready.set_exception(
                PlatformError("The platform process ended as it started; its error output says why", happened="no")
            )
        for changes, future in self._pending.values():
            if not future.done():
                future.set_exception(PlatformError("The platform process ended", happened=_unsure(changes)))


def _settle(future: asyncio.Future[Any], answer: Answer) -> None:
    match answer:
        case TokenGiven():
            future.set_result(answer.token)
        case TokenDescribed() | ChannelOpened() | LiveFound() | QueuesListed():
            future.set_result(answer)
        case TopicsHeld():
            future.set_result(answer.rejected)
        case Checked():
            future.set_result(answer.reason)
        case Done():
            future.set_result(None)
        case Failed():
            future.set_exception(
                PlatformError(
                    answer.message,
                    status=answer.status,
                    retry_after_s=answer.retry_after_s,
                    happened=answer.happened,
                )
            )
        case _:
            assert_never(answer)


def _unsure(changes: bool) -> str:
    return "unknown" if changes else "no"


async def _spawn(fd: int) -> Process:
    """Start it in a session of its own, out of Ctrl-C's reach, without our settings and secrets in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GENESYS_", "CUELINE_"))}
    root = str(Path(engine.__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULE, str(fd)),
            stdin=DEVNULL,
            stdout=DEVNULL,
            env=environment,
            pass_fds=(fd,),
            start_new_session=True,
        )
    except OSError as error:
        raise PlatformError(f"The platform process can't be started: {error}", happened="no") from error
