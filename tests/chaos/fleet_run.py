"""One run on a fleet: a calm lap, faults one after the other, a last lap for what is under way, the account.

Before each fault the fleet has to be at rest: every call heard by exactly one node. So what moves afterwards is the fault's.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.demo.fleet_stage import FleetOptions
from engine.demo.processes import Event
from engine.errors import DemoError
from tests.chaos.accounting import NS_PER_MS, Account, Fate, Gap, Happenings, Injected, account
from tests.chaos.fleet_account import Moves, gaps_by_call, moves
from tests.chaos.fleet_figures import FleetCourse
from tests.chaos.fleet_kinds import KINDS, FleetKind
from tests.chaos.fleet_plant import FleetPlant, fleet_planted, subscribed_of
from tests.chaos.plant import ChaosCall, quotable_speech
from tests.chaos.run import spoken_in
from tests.chaos.schedule import Planned
from tests.support.engine import alive, shared_memory

LAST_S = 8.0  # what was said at the end is delivered by then
SPOTTED_S = 1.5  # what was said just before a killing fault is spotted and committed by then
REST_S = 20.0
NS_PER_S = 1000 * NS_PER_MS


@dataclass(frozen=True, slots=True)
class Found:
    """What there is so far."""

    known: Happenings
    account: Account
    moves: Moves
    gaps: Mapping[str, list[Gap]]


@dataclass(slots=True)
class Log:
    """Filled while the run goes on, so that a Ctrl-C has something to show."""

    found: Found | None = None
    faults: list[Injected] = field(default_factory=list)
    calm_missed: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unreadable: int = 0
    book: list[ChaosCall] = field(default_factory=list)
    said: list[tuple[int, str, Event]] = field(default_factory=list)  # the nodes' logs
    begun_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def course(self) -> FleetCourse:
        """What the verdict needs besides the account."""
        return FleetCourse(self.calm_missed, self.left_behind, self.wrong, self.unreadable)


Tell = Callable[[str], None]


class FleetRun:
    """One run on a fleet that stands."""

    def __init__(self, plant: FleetPlant, log: Log, tell: Tell, calm_s: float, breath_s: float) -> None:
        self._plant = plant
        self._log = log
        self._tell = tell
        self._calm_s = calm_s
        self._breath_s = breath_s

    async def through(self, schedule: list[Planned]) -> None:
        """From the first lap to the last."""
        await self._plant.offer_all()
        self._tell(f"{len(self._plant.stage.simulator.conversation_ids)} calls, no fault for {self._calm_s:.0f} s")
        await asyncio.sleep(self._calm_s)
        await self.look(time.monotonic_ns() - 3 * NS_PER_S)  # what was said just now may not have come yet
        assert self._log.found is not None
        lost = self._log.found.account.of(Fate.LOST)
        self._log.calm_missed += [f"{each.spoken.phrase} in {each.spoken.recording}" for each in lost]
        for fault in schedule:
            self._tell(f"fault {fault.number + 1} of {len(schedule)}: {fault.kind}")
            await self._strike(fault, KINDS[fault.kind])
            await asyncio.sleep(self._breath_s)
        end_ns = time.monotonic_ns()
        self._tell("what is under way may arrive")
        await asyncio.sleep(LAST_S)
        await self.look(end_ns)

    async def _strike(self, fault: Planned, kind: FleetKind) -> None:
        plant = self._plant
        if not await self._at_rest(kind):
            return
        node = await self._target(fault, kind)
        if node is None:
            self._log.wrong.append(f"{kind.name}: there was no node to strike.")
            return
        calls = await plant.calls_of(node) if node else None
        plant.striking = fault.number
        struck = Injected(
            number=fault.number,
            kind=kind.name,
            at_ns=time.monotonic_ns(),
            cuts=kind.cuts,
            forgets=kind.forgets,
            stops=kind.stops,
            calls=calls,
            reaches_ns=int((kind.allowed.leases * plant.lease_s + 2) * NS_PER_S),
        )
        self._log.faults.append(struck)
        limit_s = plant.lease_s + kind.limit_s
        try:
            async with asyncio.timeout(2 * limit_s):
                recovered = await kind.inject(plant, node, calls or frozenset())
            await plant.until(recovered, limit_s)
        except TimeoutError:
            return  # stays unrecovered
        self._log.faults[-1] = replace(struck, recovered_ns=time.monotonic_ns())

    async def _at_rest(self, kind: FleetKind) -> bool:
        if kind.forgets or kind.stops:
            await asyncio.sleep(SPOTTED_S)
        try:
            await self._plant.until(self._plant.quiet, REST_S)
        except TimeoutError:
            self._log.wrong.append(f"{kind.name} did not strike: the fleet had not come to rest after {REST_S:.0f} s.")
            return False
        return True

    async def _target(self, fault: Planned, kind: FleetKind) -> str | None:
        """The node that is struck: of those that follow calls; "" for no node in particular."""
        if kind.strikes == "leader":
            return await self._plant.leader()
        if kind.strikes != "node":
            return ""
        busy = [name for name in self._plant.up if await self._plant.calls_of(name)]
        return fault.of(busy) if busy else None

    async def look(self, until_ns: int) -> None:
        """Account all that was said by then."""
        plant, log = self._plant, self._log
        calls = await plant.calls()
        now_ns = time.monotonic_ns()
        subscribed = [subscribed_of(call, now_ns) for call in calls]
        faults = tuple(log.faults)
        gaps = gaps_by_call(subscribed, faults)
        known = Happenings(
            spoken=[each for call in calls for each in spoken_in(call, now_ns)],
            receipts=tuple(plant.receiver.receipts),
            faults=faults,
            gaps=gaps,
            started_ns={call.conversation_id: call.started_ns for call in calls if call.started_ns is not None},
            shard_at=lambda _conversation, _at: None,
            judged_ns=until_ns,
        )
        log.found = Found(known, account(known), moves(subscribed, faults, plant.went_on_ns), gaps)
        log.unreadable = plant.receiver.unreadable
        log.book, log.said = list(calls), plant.said


@dataclass(frozen=True, slots=True)
class FleetChaosOptions:
    """What is played."""

    calls: int
    node_calls: int
    lease_s: float
    calm_s: float
    breath_s: float


async def fleet_chaos(
    options: FleetChaosOptions,
    schedule: list[Planned],
    environ: Mapping[str, str],
    log: Log,
    tell: Tell,
    hurry: asyncio.Event,
) -> None:
    """Play it; `log` holds what came of it, also when this is cancelled. Nothing that it started is left behind."""
    before = shared_memory()
    with TemporaryDirectory(prefix="cueline-fleet-chaos-") as name:
        folder, plant = Path(name), None
        staged = FleetOptions(
            calls=options.calls,
            node_calls=options.node_calls,
            lease_s=options.lease_s,
            speech=quotable_speech(folder / "speech"),
            queues=1,
            settings={"CUELINE_FOLLOW_QUEUES": "all"},
        )
        try:
            async with fleet_planted(staged, environ, hurry, folder) as plant:
                try:
                    await FleetRun(plant, log, tell, options.calm_s, options.breath_s).through(schedule)
                finally:
                    log.wrong += plant.wrong
        except DemoError as error:
            log.wrong.append(str(error))
        finally:
            if plant is not None:
                log.left_behind += [" ".join(process.cmdline()) for process in alive(plant.mark)]
            log.left_behind += sorted(shared_memory() - before)
