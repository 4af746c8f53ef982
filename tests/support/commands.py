"""For tests of commands: a command, a real webhook receiver on loopback, sinks and a platform that obey their contracts."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.commands import attempts
from engine.commands.boxes import Delivery
from engine.commands.command import Command
from engine.commands.outbox import Outbox
from engine.commands.outbox_rows import TABLES
from engine.commands.sink import Sink
from engine.commands.turnstile import Turnstile
from engine.errors import PlatformError
from engine.genesys.platform_messages import TransferTarget
from engine.options import LogSink, OutboxOptions, SinkBase, Target
from engine.state_connection import connect
from engine.state_file import StateFile

BASE = Command(
    idempotency_key="conv-1/external/transfer/1200",
    sinks=("out",),
    conversation_id="conv-1",
    channel="external",
    rule="transfer",
    phrase="transfer me",
    text="please transfer me now",
    confidence=None,
    fired_on="partial",
    utterance_start_ms=1200,
    phrase_end_ms=2400,
    audio_position_ms=2500,
    spotted_at="2026-01-02T03:04:05.678Z",
    phrase_end_ns=0,
)


def command(number: int = 0, sinks: tuple[str, ...] = ("out",)) -> Command:
    """A command with a key of its own, whose phrase ended just now."""
    key = f"conv-1/external/transfer/{number}"
    now_ns = time.monotonic_ns()
    return replace(BASE, idempotency_key=key, sinks=sinks, utterance_start_ms=number, phrase_end_ns=now_ns)


@asynccontextmanager
async def opened_outbox(
    folder: Path, *sinks: Sink, wall: Callable[[], float] = time.time, **options: object
) -> AsyncIterator[Outbox]:
    """An outbox on a state file of its own in this folder, and the file's orderly end."""
    state = StateFile.open(folder, TABLES)
    try:
        outbox = Outbox(state, OutboxOptions(**options), {sink.options.name: sink for sink in sinks}, wall)
        outbox.state = state  # for tests that hinder it
        state.start(outbox.heed)
        yield outbox
        outbox.close()
    finally:
        await state.close(5)


def deliveries(folder: Path) -> dict[tuple[str, str], tuple[str, int, str]]:
    """What the file says of each delivery: state, attempts, fault."""
    with closing(connect(folder)) as connection:
        rows = connection.execute("SELECT key, sink, state, attempts, fault FROM deliveries ORDER BY number")
        return {(key, sink): (state, attempts, fault) for key, sink, state, attempts, fault in rows}


def states(folder: Path) -> list[str]:
    """The states of all deliveries, in their order."""
    return [state for state, _, _ in deliveries(folder).values()]


class Noted:
    """Lets every attempt begin; keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tooks: list[tuple[str, float]] = []

    def took(self, sink: str, seconds: float) -> None:
        self.tooks.append((sink, seconds))

    async def begins(self, delivery: Delivery) -> None:
        delivery.attempts += 1

    def failed(self, delivery: Delivery, fault: str) -> None:
        self.told.append(f"{delivery.attempts} {fault}")


async def attempted(sink: Sink, command: Command, noted: Noted | None = None, deadline_s: float | None = None) -> None:
    """`attempts.deliver` with a turnstile of its own."""
    noted, now = noted or Noted(), asyncio.get_running_loop().time()
    wanted_s = sink.options.deadline_s if deadline_s is None else deadline_s
    turnstile = Turnstile(sink.options.concurrency, lambda is_open: None)
    delivery = Delivery(command, sink.options.name, now, now + wanted_s)
    await attempts.deliver(sink, delivery, turnstile, attempts.Records(noted.begins, noted.failed, noted.took))


@contextmanager
def hindered(state: StateFile, folder: Path) -> Iterator[None]:
    """The disk takes nothing from this state file."""
    state._connection.execute("PRAGMA busy_timeout = 10")
    with closing(connect(folder)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


@dataclass
class Received:
    """One request as the receiver saw it."""

    headers: dict[str, str]
    body: bytes
    arrived_s: float
    path: str
    arrived_ns: int = field(default_factory=time.monotonic_ns)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, **headers: str) -> Answer:
    """Always this status; underscores in header names stand for dashes."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers={name.replace("_", "-"): text for name, text in headers.items()})

    return handle


class Receiver:
    """Answers by its script, the last answer for ever; keeps every request."""

    def __init__(self, script: tuple[Answer, ...]) -> None:
        self._script = script
        self.received: list[Received] = []
        self.arrivals: asyncio.Queue[Received] = asyncio.Queue()
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        got = Received(dict(request.headers), await request.read(), now, request.path_qs)
        self.received.append(got)
        self.arrivals.put_nowait(got)
        return await self._script[min(len(self.received), len(self._script)) - 1](request)


@asynccontextmanager
async def receiver(*script: Answer, port: int | None = None) -> AsyncIterator[Receiver]:
    """A real HTTP server; `url` ends with a token in the query."""
    it = Receiver(script or (answer(200),))
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", it.handle)
    async with TestServer(app, port=port) as server:
        it.url = str(server.make_url("/hook")) + "?token=hush-hush"
        yield it


@asynccontextmanager
async def raw_server(
    on_connect: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int = 0
) -> AsyncIterator[str]:
    """A TCP server whose connections are handled by `on_connect`; yields its URL."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await on_connect(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?token=hush-hush"
    finally:
        for writer in writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        server.close()
        await server.wait_closed()


class GateSink:
    """Holds every delivery until its gate opens; raises what it is told to, one fault per attempt."""

    def __init__(
        self, options: SinkBase | None = None, *, idempotent: bool = True, faults: tuple[Exception, ...] = ()
    ) -> None:
        self.options = options or LogSink(name="out")
        self.idempotent = idempotent
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = 0
        self.inside = 0
        self.most_inside = 0
        self.got: list[str] = []
        self._faults = list(faults)

    async def deliver(self, command: Command) -> None:
        self.entered += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self.gate.wait()
            if self._faults:
                raise self._faults.pop(0)
            self.got.append(command.idempotency_key)
        finally:
            self.inside -= 1


class FakePlatform:
    """The platform client's contract without a platform: notes each call, raises the next fault of its script."""

    def __init__(self, *faults: PlatformError, hangs: bool = False) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._faults = list(faults)
        self._hangs = hangs

    async def transfer(self, conversation_id: str, target: TransferTarget) -> None:
        await self._called("transfer", conversation_id, target)

    async def disconnect(self, conversation_id: str, participant: Target) -> None:
        await self._called("disconnect", conversation_id, participant)

    async def set_attributes(self, conversation_id: str, participant: Target, attributes: dict[str, str]) -> None:
        await self._called("attributes", conversation_id, participant, attributes)

    async def _called(self, *call: object) -> None:
        self.calls.append(call)
        if self._hangs:
            await asyncio.Event().wait()
        if self._faults:
            raise self._faults.pop(0)
