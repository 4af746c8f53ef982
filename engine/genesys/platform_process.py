"""The platform process: `python -m engine.genesys.platform_process FD`, the only importer of the SDK.

It lives exactly as long as the socket it was given: SIGINT and SIGTERM are ignored, because Ctrl-C and service managers
signal the whole group, while the supervisor still needs transfers done as it drains. The main thread receives and
hands requests to at most four threads (the SDK blocks); they answer by themselves. The first message configures it.
"""

import concurrent.futures
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import assert_never

import stamina.instrumentation

from engine.errors import PlatformError
from engine.genesys import sdk
from engine.genesys.notification_messages import (
    ChannelOpened,
    ListQueues,
    LiveFound,
    OpenChannel,
    QueryLive,
    QueuesListed,
    Subscribe,
    TopicsHeld,
)
from engine.genesys.platform_access import PlatformAccess
from engine.genesys.platform_calls import PlatformCalls
from engine.genesys.platform_messages import (
    Answer,
    CheckConversation,
    Checked,
    Configure,
    DescribeToken,
    Disconnect,
    Done,
    Down,
    Failed,
    Forget,
    GetToken,
    Ready,
    Request,
    Retried,
    SetAttributes,
    TokenDescribed,
    TokenGiven,
    Transfer,
    Up,
    platform_codec,
)
from engine.genesys.platform_notifications import PlatformNotifications
from engine.genesys.platform_retry import Budget
from engine.genesys.sdk_http import POOL_CONNECTIONS
from engine.logs import configure_logging
from engine.packets import PacketPort

END_GRACE_S = 1.0
LEAST_PARTS = 4  # an attempt is worth beginning with a fourth of request_timeout_s left


class PlatformProcess:
    """Serve one supervisor until it is gone."""

    def __init__(
        self,
        receive: Callable[[], Down | None],
        send: Callable[[Up], None],
        access: PlatformAccess,
        calls: PlatformCalls,
        notifications: PlatformNotifications,
        least_s: float,
    ) -> None:
        self._receive = receive
        self._send = send
        self._access = access
        self._calls = calls
        self._notifications = notifications
        self._least_s = least_s  # see Budget
        self._threads = ThreadPoolExecutor(POOL_CONNECTIONS, thread_name_prefix="platform")
        self._budgets: dict[int, Budget] = {}
        self._running: set[Future[None]] = set()

    def run(self) -> None:
        """Serve requests; return when the supervisor is gone and nothing more will be sent."""
        while (message := self._receive()) is not None:
            match message:
                case Forget():
                    if (budget := self._budgets.get(message.number)) is not None:
                        budget.cancel()
                case Configure():
                    raise ValueError("configured twice")
                case _:
                    self._begin(message)
        self._end()

    def _begin(self, request: Request) -> None:
        budget = self._budgets[request.number] = Budget(request.deadline_s, self._least_s)
        future = self._threads.submit(self._serve, request, budget)
        self._running.add(future)
        future.add_done_callback(self._running.discard)

    def _serve(self, request: Request, budget: Budget) -> None:
        try:
            answer = self._answer(request, budget)
        except PlatformError as error:
            answer = Failed(request.number, str(error), error.status, error.retry_after_s, error.happened)
        except Exception as error:  # noqa: BLE001 — border of one request: the SDK's surprises end it, not the process
            answer = Failed(request.number, f"Unexpected {type(error).__name__} in the SDK", 0, None, "unknown")
        self._budgets.pop(request.number, None)
        self._send(answer)

    def _answer(self, request: Request, budget: Budget) -> Answer:
        match request:
            case GetToken():
                return TokenGiven(request.number, self._access.token(budget, request.fresher_than))
            case DescribeToken():
                return TokenDescribed(request.number, *self._calls.describe_token(budget))
            case CheckConversation():
                return Checked(request.number, self._calls.check(budget, request.conversation_id).reason)
            case Transfer():
                self._calls.transfer(budget, request.conversation_id, request.target)
            case Disconnect():
                self._calls.disconnect(budget, request.conversation_id, request.participant)
            case SetAttributes():
                self._calls.set_attributes(budget, request.conversation_id, request.participant, request.attributes)
            case OpenChannel() | Subscribe() | QueryLive() | ListQueues():
                return self._told(request, budget)
            case _:
                assert_never(request)
        return Done(request.number)

    def _told(self, request: OpenChannel | Subscribe | QueryLive | ListQueues, budget: Budget) -> Answer:
        match request:
            case OpenChannel():
                return ChannelOpened(request.number, *self._notifications.open_channel(budget))
            case Subscribe():
                refused = self._notifications.subscribe(budget, request.channel_id, request.topics)
                return TopicsHeld(request.number, refused)
            case QueryLive():
                return LiveFound(request.number, *self._notifications.live_calls(budget, request))
            case ListQueues():
                return QueuesListed(request.number, *self._notifications.queues(budget, request.page))
            case _:
                assert_never(request)

    def _end(self) -> None:
        for budget in list(self._budgets.values()):
            budget.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        _, late = concurrent.futures.wait(list(self._running), END_GRACE_S)
        if late:
            os._exit(1)  # a thread waits for a server; nobody waits for us


def sender(port: PacketPort) -> Callable[[Up], None]:
    """Return a function that sends from any thread; a supervisor that is gone hears nothing, and `run` ends."""
    lock = threading.Lock()

    def send(message: Up) -> None:
        with lock, contextlib.suppress(OSError):
            port.send(message)

    return send


def note_retries(send: Callable[[Up], None]) -> None:
    """Report each repetition that stamina plans; its own hooks would log to this process's output."""

    def report(details: stamina.instrumentation.RetryDetails) -> None:
        status = getattr(details.caused_by, "status", 0)
        send(Retried(str(details.caused_by), status, details.retry_num, details.wait_for))

    stamina.instrumentation.set_on_retry_hooks([report])


def main(fd: int) -> None:
    """Take the configuration from the socket, load the SDK, serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    configure_logging("warning")
    with socket.socket(fileno=fd) as sock:
        port = PacketPort(sock, platform_codec())
        configure = port.receive()
        if isinstance(configure, Configure):
            serve(configure, port)


def serve(configure: Configure, port: PacketPort) -> None:
    """Load the SDK, say so, and serve."""
    send = sender(port)
    note_retries(send)
    loaded = sdk.load()
    access = PlatformAccess(loaded, configure, send)
    send(Ready(loaded.lean))
    calls, notifications = PlatformCalls(loaded, access), PlatformNotifications(access)
    PlatformProcess(port.receive, send, access, calls, notifications, configure.request_timeout_s / LEAST_PARTS).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
