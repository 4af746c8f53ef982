"""The fleet's play at one moment, and what came of it in the end. Pure nouns, and the sentences of the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from engine.demo.fleet_account import Account, Killed, Takeover
from engine.demo.fleet_book import BookedCall
from engine.demo.scene import counted

TAKEOVER_SLACK_S = 2.0  # over the lease
HANDOVER_MS = 100.0

Standing = Literal["starting", "up", "draining", "dead", "left"]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it stands: how many it takes, and the calls that it hears by their numbers."""

    name: str
    standing: Standing
    limit: int
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetScene:
    """What is known now."""

    now_ns: int
    calls: tuple[BookedCall, ...]
    nodes: tuple[NodeRow, ...]
    account: Account

    @property
    def waiting(self) -> tuple[int, ...]:
        """Calls of which nobody has heard anything: not taken, or about to begin."""
        return tuple(call.number for call in self.calls if not call.sent)

    @property
    def unheard(self) -> dict[int, float]:
        """Calls that go on and nobody hears: for how long, in seconds."""
        found = ((call.number, call.unheard_s(self.now_ns)) for call in self.calls)
        return {number: seconds for number, seconds in found if seconds is not None}

    @property
    def at_home(self) -> dict[int, str]:
        """The node that followed each call first."""
        return {call.number: call.sent[0].client for call in self.calls if call.sent}


@dataclass(frozen=True, slots=True)
class Act:
    """A step of the play: what is done, and what there is to see."""

    number: int
    title: str
    shows: str


@dataclass(frozen=True, slots=True)
class FleetResult:
    """The end of the play."""

    scene: FleetScene
    killed: tuple[Killed, ...]
    lease_s: float
    seconds: float
    unreadable: int  # posts to the receiver that were no commands
    exit_codes: dict[str, int]  # of drained nodes
    late_ms: float  # how far the simulator was behind its own clock at worst
    complaints: tuple[str, ...] = ()  # of the nodes, the latest

    @property
    def limit_s(self) -> float:
        """So long may a takeover take."""
        return self.lease_s + TAKEOVER_SLACK_S

    @property
    def prompt(self) -> tuple[Takeover, ...]:
        """Takeovers of calls for which there was room from the start."""
        return tuple(each for kill in self.killed for each in self._of(kill)[: kill.room])

    @property
    def waited(self) -> tuple[Takeover, ...]:
        """Of calls that had to wait until a node with room came."""
        return tuple(each for kill in self.killed for each in self._of(kill)[kill.room :])

    def _of(self, killed: Killed) -> list[Takeover]:
        ours = [each for each in self.scene.account.takeovers if each.killed == killed]
        return sorted(ours, key=lambda each: float("inf") if each.again_s is None else each.again_s)

    def waited_s(self, takeover: Takeover) -> float | None:
        """From the moment that there was room to its being followed; None where it is not, or there never was."""
        killed = takeover.killed
        if takeover.again_s is None or killed.relief_ns is None:
            return None
        return max(0.0, takeover.again_s - (killed.relief_ns - killed.at_ns) / 1e9)

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not as it should be; empty when all was well."""
        return (*self._counts(), *self._moves())

    def _counts(self) -> Iterator[str]:
        found = self.scene.account
        if not found.spoken:
            yield "No phrase was said, so nothing is shown."
        if found.lost:
            first = found.lost[0]
            where = f"the first: {first.phrase!r} in {first.conversation_id} at {first.end_ms / 1000:.1f} s"
            yield f"{counted(len(found.lost), 'phrase')} lost though their call was followed; {where}."
        if found.doubled:
            yield f"{counted(len(found.doubled), 'command')} delivered a second time: {found.doubled[0].id}."
        if found.unsigned or self.unreadable:
            yield f"{counted(found.unsigned + self.unreadable, 'message')} to the receiver not signed as agreed."
        if self.scene.waiting:
            yield f"{counted(len(self.scene.waiting), 'call')} never followed though there was room."

    def _moves(self) -> Iterator[str]:
        for each in self.prompt:
            if each.again_s is None or each.again_s > self.limit_s:
                took = "never" if each.again_s is None else f"after {each.again_s:.1f} s"
                yield f"{each.conversation_id} of {each.killed.node} was followed again {took}; {self.limit_s:.0f} s is the limit."
        for each in self.waited:
            waited_s = self.waited_s(each)
            if waited_s is None or waited_s > self.limit_s:
                took = "never taken up" if waited_s is None else f"taken up {waited_s:.1f} s later"
                yield f"{each.conversation_id} was {took} though a node with room had come."
        for move in self.scene.account.handovers:
            if move.break_ms > HANDOVER_MS:
                way = f"from {move.giver} to {move.taker}"
                yield f"{move.break_ms:.0f} ms of {move.conversation_id} were heard by nobody on its way {way}."
        for name, code in self.exit_codes.items():
            if code:
                yield f"{name} drained and ended with exit code {code}."
