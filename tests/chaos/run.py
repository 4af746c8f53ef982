"""One run: a calm first lap, faults as scheduled, a last lap for what is under way, the account.

The faults come one after the other; each one's recovery is watched beside. Who can't be hit now (a worker that is just being
replaced, a call that another fault holds) is passed over for the next of its kind; what has to be alone waits for the others.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.load.played import rounds
from engine.demo.calls import NS_PER_MS
from engine.errors import DemoError
from tests.chaos.accounting import Account, Fate, Gap, Happenings, Injected, Spoken, account, gaps_of
from tests.chaos.figures import Course
from tests.chaos.kinds import KINDS, Kind
from tests.chaos.plant import ChaosCall, Plant, planted
from tests.chaos.schedule import Planned
from tests.support.engine import alive, shared_memory

CALM_S = 36.0  # the longest recording: each phrase once
LAST_S = 13.0  # a phrase said at the end may still be on its way to a receiver that was ill
SPOTTED_S = 1.5  # what a hang had kept back is spotted and committed by then; a supervisor forgets what is not
RECOVERY_S = 30.0
FREE_S = 20.0  # somebody to hit has to be found in this time
SILENT_MS = 1000  # a call that has got nothing for so long has a gap that has not ended


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What is played, what is done to it."""

    calls: int
    hook_calls: int
    calm_s: float
    seconds_max: float  # no fault after so long


@dataclass(slots=True)
class Found:
    """What there is so far; filled while the run goes on, so that a Ctrl-C has something to show."""

    known: Happenings | None = None
    account: Account | None = None
    faults: list[Injected] = field(default_factory=list)
    calm_missed: list[str] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    not_resumed: int = 0
    unreadable: int = 0
    dropped_frames: int = 0
    dead_letters: int = 0
    begun_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def course(self) -> Course:
        """What the verdict needs besides the account."""
        return Course(
            self.calm_missed,
            self.left_behind,
            self.wrong,
            self.not_resumed,
            self.unreadable,
            self.dropped_frames,
            self.dead_letters,
        )


Tell = Callable[[str], None]


class Run:
    """One run on a plant that stands."""

    def __init__(self, plant: Plant, options: ChaosOptions, found: Found, tell: Tell) -> None:
        self._plant = plant
        self._options = options
        self._found = found
        self._tell = tell
        self._weary: set[str] = set()  # AudioHook calls that must be left alone for a while
        self._held: set[str] = set()  # calls and shards that a fault has in hand

    async def through(self, schedule: list[Planned]) -> None:
        """From the first lap to the last."""
        options = self._options
        self._tell(
            f"{options.calls} calls and {options.hook_calls} by AudioHook, no fault for {self._options.calm_s:.0f} s"
        )
        await asyncio.sleep(self._options.calm_s)
        calm_ns = time.monotonic_ns() - 3 * 1_000_000_000  # what was said just now may not have come yet
        await self.look(calm_ns)
        assert self._found.account is not None
        self._found.calm_missed += [
            f"{each.spoken.phrase} in {each.spoken.recording}" for each in self._found.account.of(Fate.LOST)
        ]
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in schedule:
                await asyncio.sleep(max(0.0, begin_s + fault.at_s - time.monotonic()))
                if time.monotonic() - begin_s > self._options.seconds_max:
                    break
                await self._strike(fault, group, len(schedule))
        end_ns = time.monotonic_ns()
        self._tell(f"{len(self._found.faults)} faults have struck; what is under way may arrive")
        await asyncio.sleep(LAST_S)
        await self.look(end_ns)
        self._found.wrong += clients_complaints(await self._plant.hooks.summary())

    async def _strike(self, fault: Planned, group: asyncio.TaskGroup, of: int) -> None:
        kind = KINDS[fault.kind]
        if kind.alone:
            await self._until_free(lambda: not self._held and not (kind.cuts and self._weary))
        if kind.forgets:
            await asyncio.sleep(SPOTTED_S)
        target = await self._target(kind, fault)
        await self.look(time.monotonic_ns() - int(LAST_S * 1e9))
        lost = len(self._found.account.of(Fate.LOST)) if self._found.account else 0
        self._tell(f"fault {fault.number + 1} of {of}: {kind.name}; lost so far: {lost}")
        self._held.add(target or kind.name)
        if kind.prepare:
            await kind.prepare(self._plant)
        struck = Injected(
            number=fault.number,
            kind=kind.name,
            at_ns=time.monotonic_ns(),
            conversation_id=target if kind.scope in ("call", "hook") else None,
            shard=int(target) if kind.scope == "shard" else None,
            cuts=kind.cuts,
            forgets=kind.forgets,
        )
        self._found.faults.append(struck)
        watching = group.create_task(self._watch(kind, target, len(self._found.faults) - 1))
        if kind.alone:
            await watching

    async def _target(self, kind: Kind, fault: Planned) -> str:
        """Who is hit: of those whom no other fault has in hand."""
        everybody = {
            "call": self._plant.conversation_ids,
            "hook": self._plant.hooks.conversation_ids,
            "shard": [str(shard) for shard in sorted(self._plant.workers)],
            "all": [kind.name],
        }[kind.scope]
        family = kind.name.partition("_")[0] if kind.scope == "all" else ""
        await self._until_free(
            lambda: (
                not set(everybody) <= self._held | self._weary
                and not any(family and each.startswith(family) for each in self._held)
            )
        )
        free = [each for each in everybody if each not in self._held | self._weary]
        return "" if kind.scope == "all" else fault.of(free)

    async def _until_free(self, free: Callable[[], bool]) -> None:
        deadline = time.monotonic() + FREE_S + RECOVERY_S
        self._weary = await self._plant.weary()
        while not free() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
            self._weary = await self._plant.weary()

    async def _watch(self, kind: Kind, target: str, index: int) -> None:
        """Do it, wait for the recovery, note when that was."""
        try:
            recovered = await kind.inject(self._plant, target)
            await self._plant.until(recovered, RECOVERY_S)
            self._found.faults[index] = replace(self._found.faults[index], recovered_ns=time.monotonic_ns())
        except (TimeoutError, ConnectionError):
            return  # stays unrecovered
        finally:
            self._held.discard(target or kind.name)

    async def look(self, until_ns: int) -> None:
        """Account all that was said by then."""
        calls = await self._plant.calls()
        now_ns = time.monotonic_ns()
        found = self._found
        found.known = Happenings(
            spoken=[each for call in calls for each in spoken_in(call, now_ns)],
            receipts=tuple(self._plant.receiver.receipts),
            faults=tuple(found.faults),
            gaps={call.conversation_id: gaps_in(call, now_ns) for call in calls},
            started_ns={call.conversation_id: call.started_ns for call in calls if call.started_ns is not None},
            shard_at=self._plant.shard_at,
            judged_ns=until_ns,
        )
        found.account = account(found.known)
        found.not_resumed = self._plant.not_resumed
        found.unreadable = self._plant.receiver.unreadable
        found.dead_letters = await self._plant.dead_letters()
        found.dropped_frames = await self._plant.dropped_frames()


def spoken_in(call: ChaosCall, until_ns: int) -> list[Spoken]:
    """What was said in a call by then."""
    recording = call.name.partition(" #")[0]
    found = []
    for begun_ms, each in rounds(call, until_ns):
        end_ms = begun_ms + each.end_ms
        end_ns = (call.started_ns or 0) + end_ms * NS_PER_MS
        if end_ns <= until_ns:
            start_ms = begun_ms + each.start_ms
            where = f"{recording} {each.channel}" if call.placed else recording
            phrase = Spoken(
                call.conversation_id, where, each.phrase, start_ms, end_ms, end_ns, each.channel, call.placed
            )
            found.append(phrase)
    return found


def gaps_in(call: ChaosCall, now_ns: int) -> list[Gap]:
    """Between its subscriptions, and since the last one where that gets nothing any more."""
    sent = [(each.from_ms, each.to_ms) for each in call.sent]
    found = gaps_of(sent)
    if sent and call.elapsed_ms(now_ns) - max(to_ms for _, to_ms in sent) > SILENT_MS:
        found.append(Gap(max(to_ms for _, to_ms in sent), float("inf")))
    return found


def clients_complaints(summary: dict[str, Any]) -> list[str]:
    """What AudioHook clients say of the engine, in sentences."""
    found = [f"The engine said what it must not to an AudioHook client: {what}." for what in summary["server_faults"]]
    found += [f"The engine said {what} to an AudioHook client, unasked." for what in summary["unsolicited"]]
    return found + ([f"{summary['given_up']} AudioHook calls were given up."] if summary["given_up"] else [])


async def chaos(
    options: ChaosOptions,
    schedule: list[Planned],
    environ: Mapping[str, str],
    found: Found,
    tell: Tell,
    hurry: asyncio.Event,
) -> None:
    """Play it; `found` holds what came of it, also when this is cancelled. Nothing that it started is left behind."""
    before = shared_memory()
    with TemporaryDirectory(prefix="cueline-chaos-") as folder:
        plant: Plant | None = None
        try:
            async with planted(Path(folder), environ, hurry, options.calls, options.hook_calls) as plant:
                run = Run(plant, options, found, tell)
                try:
                    await run.through(schedule)
                except* DemoError as errors:
                    raise errors.exceptions[0] from None
                finally:
                    found.left_behind += plant.left_behind
                    found.wrong += plant.wrong
        finally:
            if plant is not None:
                found.left_behind += [" ".join(process.cmdline()) for process in alive(plant.mark)]
            found.left_behind += sorted(shared_memory() - before)
