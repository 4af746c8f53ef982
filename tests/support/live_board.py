"""A board over real shared memory, and all that stands around it made by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine.audio.arena import Arena
from engine.audio.format import FRAME_BYTES
from engine.audio.ring import ReaderState, RingReader, RingWriter
from engine.intake.conversation import ConversationInfo
from engine.live.board import Board
from engine.live.ports import EngineStanding, ShardStanding
from engine.live.rows import Setting
from engine.options import RuleOptions
from engine.shards.leases import LeaseBook
from engine.speech.events import PhraseSpotted

RULES = (RuleOptions(name="transfer-me", phrases=("transfer me",), sinks=("log", "crm")),)
FRAME = memoryview(bytes(FRAME_BYTES))
CONDITIONS = {"model_loaded": True, "not_draining": True}


def info(key: str, state: str = "listening", **more: Any) -> ConversationInfo:
    """A conversation in that state."""
    fields = {"source": "realtime", "reason": None, "message": None, "since": "", "audio_ms": 0, "gap_ms": 0}
    return ConversationInfo(conversation_id=key, state=state, **(fields | {"reconnects": 0} | more))  # type: ignore[arg-type]


def spotted(end_ms: int = 6200, text: str = "please transfer me", **more: Any) -> PhraseSpotted:
    """A phrase that was found."""
    fields = {"rule": "transfer-me", "phrase": "transfer me", "confidence": None, "fired_on": "partial"}
    places = {"utterance_start_ms": 4160, "audio_position_ms": end_ms + 100, "phrase_end_ns": 0}
    return PhraseSpotted(text=text, phrase_end_ms=end_ms, **(fields | places | more))


@dataclass
class Feed:
    """One follower, or none."""

    followed: bool = True
    told: list[tuple[str, Any]] = field(default_factory=list)

    def publish(self, kind: str, data: Any) -> None:
        self.told.append((kind, data))


@dataclass
class Stands:
    """An engine with shards of made-up figures and real memory."""

    arenas: list[Arena]
    infos: dict[str, ConversationInfo] = field(default_factory=dict)

    def engine(self) -> EngineStanding:
        return EngineStanding("ready", CONDITIONS, 3, 4, 5, 1.26, ["crm"], None, "model")

    def shards(self) -> list[ShardStanding]:
        return [ShardStanding(number, True, 0.25, 0.5, 7, 1, 95.1) for number, _ in enumerate(self.arenas)]

    def info(self, key: str) -> ConversationInfo | None:
        return self.infos.get(key)

    def arena(self, shard: int) -> Arena:
        return self.arenas[shard]


@dataclass
class Scene:
    """The board, what it told, and the ways into it."""

    board: Board
    feed: Feed
    stands: Stands
    leases: LeaseBook
    without_audio: dict[str, int]

    def call(self, key: str, channels: tuple[str, ...] = ("external",), shard: int = 0, **more: Any) -> list[Any]:
        """One more call is taken, and listens; return its leases."""
        leases = self.leases.take(key, channels, shard, more.get("session_id"))  # type: ignore[arg-type]
        for lease in leases:
            RingWriter(self.ring(lease)).clear()
        self.board.conversation(info(key, "connecting", **more))
        self.board.conversation(info(key, **more))
        return leases

    def ring(self, lease: Any) -> Any:
        return self.stands.arenas[lease.shard].ring(lease.ring)

    def hears(self, lease: Any, frames: int = 0, at_ns: int = 0, **words: int) -> None:
        """So many frames come, then its reader says so."""
        writer = RingWriter(self.ring(lease))
        for _ in range(frames):
            writer.write(FRAME, at_ns)
        reader = RingReader(self.ring(lease))
        names = ("tail", "safe", "utterance", "gaps_seen", "gap_frames")
        reader.publish(ReaderState(**({name: getattr(reader.state, name) for name in names} | words)))

    def last(self, kind: str) -> Any:
        """What was told last of a kind."""
        return [data for name, data in self.feed.told if name == kind][-1]


@contextmanager
def scene(shows_text: bool = False, shards: int = 1, rings: int = 8, slots: int = 256) -> Iterator[Scene]:
    """A board on so many shards."""
    arenas = [Arena.create(rings, slots) for _ in range(shards)]
    feed, stands, without_audio = Feed(), Stands(arenas), {}
    board = Board(Setting("1.2.3", 1000.0, shows_text, RULES), stands, feed, without_audio.__setitem__)
    leases = LeaseBook(rings, range(shards))
    leases.watcher = board
    try:
        yield Scene(board, feed, stands, leases, without_audio)
    finally:
        board.close()
        for arena in arenas:
            arena.close()
