"""A run of simulated AudioHook calls as one object: connect, watch, sum up, stop; then nothing of it remains."""

import asyncio
import contextlib
from typing import Any, Self

from aiohttp import web

from engine.errors import ConfigError
from engine.simulator.audiohook.call import Call, Workshop
from engine.simulator.audiohook.control import HookControl
from engine.simulator.audiohook.fault import FaultOutcome
from engine.simulator.audiohook.faults import check_fault, run_fault
from engine.simulator.audiohook.options import HookOptions
from engine.simulator.audiohook.recordings import Library
from engine.simulator.audiohook.report import HookReport
from engine.simulator.audiohook.socket import Dialer
from engine.simulator.audiohook.tally import Tally
from engine.simulator.audiohook.ticker import Ticker
from engine.simulator.options import conversation_id

FAULTS_PER_S = 200
ENDED_KEPT = 100  # calls that have ended, once further ones are placed
LEAVE_S = 15.0  # for calls to say close and hear closed, at the end


class AudioHookCalls:
    """Entering raises AudioFileError for bad recordings, ConfigError for a port or an authority that can't be used."""

    def __init__(self, options: HookOptions) -> None:
        self.options = options
        self.tally = Tally(calls=len(options.calls))
        self.ticker = Ticker()
        self.outcomes: list[FaultOutcome] = []  # of faults that were committed beside the calls
        self._runner: web.AppRunner | None = None
        self._port: int | None = None
        self._leaving = asyncio.Event()
        self._faulty: set[asyncio.Task[None]] = set()
        self._placed: set[asyncio.Task[None]] = set()
        self._placings = 0

    async def __aenter__(self) -> Self:
        library = Library(self.options.message_samples)
        for call in (*self.options.calls, *self.options.repertoire):
            library.check(call)
        self._dialer = Dialer(self.options)
        self._shop = Workshop(self.options, self._dialer, self.ticker, self.tally, library)
        self.calls = tuple(Call(self._shop, call) for call in self.options.calls)
        self.by_id = {call.plays.conversation_id: call for call in self.calls}
        if self.options.port is not None:
            await self._listen(self.options.port)
        await self._dialer.__aenter__()
        self._ticking = asyncio.create_task(self.ticker.run())
        self._running = asyncio.create_task(self._run(self.calls))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End every call, wait for the last `closed` (a bounded time), and let go of everything."""
        self._leaving.set()
        for call in self.calls:
            call.end()
        for task in self._faulty:
            task.cancel()
        await asyncio.wait({self._running, *self._faulty, *self._placed}, timeout=LEAVE_S)
        for task in self._placed:
            task.cancel()
        for running in (self._running, self._ticking):
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        await self._dialer.__aexit__()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait(self) -> None:
        """Until every call and every committed fault is over."""
        await asyncio.wait({self._running})
        while beside := self._faulty | self._placed:
            await asyncio.wait(beside)

    def place(self) -> Call:
        """One more call, the repertoire's next, which connects now; ConfigError where there is none."""
        if not self.options.repertoire or self._leaving.is_set():
            raise ConfigError(["calls: there is no repertoire to place calls from, or all is about to end"])
        played = self.options.repertoire[self._placings % len(self.options.repertoire)]
        number = self.options.first_call + len(self.options.calls) + self._placings
        self._placings += 1
        self.tally.calls += 1
        call = Call(self._shop, played.model_copy(update={"conversation_id": conversation_id(number)}))
        ended = [each for each in self.calls if each.state == "ended"]
        gone = set(ended[:-ENDED_KEPT])
        self.calls = (*(each for each in self.calls if each not in gone), call)
        self.by_id = {each.plays.conversation_id: each for each in self.calls}
        task = asyncio.create_task(call.run())
        self._placed.add(task)
        task.add_done_callback(self._placed.discard)
        return call

    def commit(self, name: str, count: int = 1) -> None:
        """Let `count` sessions beside the calls commit this fault, FAULTS_PER_S a second; outcomes follow. ConfigError.

        All at once, some would never leave the listener's queue: who then says nothing is not known to the server at all.
        """
        check_fault(name, self.options)
        for number in range(count):
            task = asyncio.create_task(self._commit(name, number / FAULTS_PER_S))
            self._faulty.add(task)
            task.add_done_callback(self._faulty.discard)

    @property
    def url(self) -> str | None:
        """Of the control API; None: there is none."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return None if self._port is None else f"http://{host}:{self._port}"

    @property
    def reports(self) -> tuple[HookReport, ...]:
        """Every call as it stands."""
        return tuple(call.report() for call in self.calls)

    @property
    def over(self) -> bool:
        """Every call is over."""
        return self._running.done() and not self._placed

    def load(self) -> dict[str, float]:
        """How late the worst thing was done that was due, and how many were late by more than 100 ms."""
        return {"late_ms": round(self.ticker.late_ns / 1e6, 3), "late": self.ticker.late_count}

    def summary(self) -> dict[str, Any]:
        """What was seen so far; `ok`: no session was lost, no call given up, no fault answered wrongly."""
        faults = [outcome.body() for outcome in self.outcomes]
        sound = self.tally.sound and all(outcome.as_expected for outcome in self.outcomes)
        return self.tally.summary() | self.load() | {"ok": sound, "faults": faults}

    async def _run(self, calls: tuple[Call, ...]) -> None:
        """Connect one call after another at the rate; a call that can't doesn't hold up the next."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, call in enumerate(calls):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._leaving.wait(), begun + number / self.options.rate - loop.time())
                group.create_task(call.run())

    async def _commit(self, name: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self.outcomes.append(await run_fault(name, self.options))

    async def _listen(self, port: int) -> None:
        self._runner = web.AppRunner(HookControl(self).app(), access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.options.host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            where = f"{self.options.host}:{port}"
            raise ConfigError([f"simulator address {where}: can't listen there ({error.strerror or error})"]) from error
        self._port = self._runner.addresses[0][1]
