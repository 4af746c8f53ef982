"""The live view of this engine: the board, who follows it, and where it asks."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from engine import __version__
from engine.admin.events import EventStream
from engine.admin.live_feed import Live
from engine.genesys.platform import PlatformClient
from engine.live.board import Board
from engine.live.ports import Info
from engine.live.rows import Setting
from engine.metrics import Metrics
from engine.options import EngineOptions
from engine.shards.inside import Inside
from engine.standing import EngineStands


class LiveView:
    """Made before the parts it shows: what it needs of those is asked for when it is needed."""

    def __init__(
        self,
        options: EngineOptions,
        metrics: Metrics,
        platform: PlatformClient,
        readiness: Callable[[], Mapping[str, bool]],
        inside: Callable[[], Inside],
        info: Callable[[str], Info | None],
    ) -> None:
        model = options.speech.model_path.name
        self.stands = EngineStands(readiness, metrics, platform, inside, info, model)
        fleet = options.fleet.name if options.fleet.configured else None
        setting = Setting(__version__, round(time.time(), 3), options.console.show_text, options.rules, fleet)
        events = EventStream(metrics.event_lost, kept=0)
        self.board = Board(setting, self.stands, events, metrics.without_audio)
        self.live = Live(self.board, events)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Look and tell; at the end all streams end."""
        looking = asyncio.get_running_loop().create_task(self.board.run(), name="live view")
        try:
            yield
        finally:
            self.live.events.close()
            looking.cancel()
            self.board.close()
