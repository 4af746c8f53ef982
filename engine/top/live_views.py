"""The picture in motion: on the terminal's other screen, so that what was there comes back when it ends.

Drawn when something has changed, DRAWS_PER_S times a second at most, and once a second in any case, for the clocks.
"""

import asyncio
import contextlib
import copy
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.errors import LiveError
from engine.live_client import LiveClient, LiveEvent
from engine.top.board import Board
from engine.top.following import follow
from engine.top.keys import pressed
from engine.top.list_views import ORDERS, Order
from engine.top.screen_views import Look, picture

DRAWS_PER_S = 5
ONCE_WIDTH, ONCE_HEIGHT = 120, 40
QUIT, PAUSE, ORDER = ("q", "Q", "\x03", "\x04"), ("p", "P", " "), ("s", "S")


class Screen:
    """What is drawn. Told of events, of lost connections and of keys."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._board = Board()
        self._stopped: Board | None = None  # the picture that is kept while paused
        self._received_s = time.monotonic()
        self._down = ""
        self._orders = list[Order](ORDERS)
        self.changed = asyncio.Event()
        self.done = asyncio.Event()
        self.keys = False

    def on_event(self, event: LiveEvent) -> bool:
        """Take it in; False where the connection has to be made anew."""
        self._board.apply(event)
        if event.kind in ("state", "tick"):
            self._received_s, self._down = time.monotonic(), ""
        self.changed.set()
        lost, self._board.lost = self._board.lost, False
        return not lost

    def on_down(self, why: str, _wait_s: float) -> None:
        """There is no connection now."""
        self._down = why
        self.changed.set()

    def on_key(self, key: str) -> None:
        """Key q ends, p pauses and goes on, s orders calls otherwise; other keys do nothing."""
        if key in QUIT:
            self.done.set()
        elif key in PAUSE:
            self._stopped = copy.deepcopy(self._board) if self._stopped is None else None
        elif key in ORDER:
            self._orders.append(self._orders.pop(0))
        self.changed.set()

    def draw(self, width: int, height: int) -> Text:
        """As it stands."""
        board = self._stopped or self._board
        since_s = 0.0 if self._stopped else time.monotonic() - self._received_s
        paused = None if self._stopped is None else self._board.seen - self._stopped.seen
        return picture(
            board,
            Look(self._url, width, height, board.at + since_s, self._orders[0], self._down, paused, self.keys),
        )


async def show(client: LiveClient, stop: asyncio.Event) -> None:
    """Draw until q or `stop`. LiveError where the feed can't be had and trying again would not help."""
    console, screen = Console(highlight=False), Screen(client.url)
    with Live(console=console, screen=True, auto_refresh=False) as live, pressed(screen.on_key) as screen.keys:
        following = asyncio.create_task(follow(client, screen.on_event, screen.on_down))
        ends = [asyncio.create_task(event.wait()) for event in (screen.done, stop)]
        drawing = asyncio.create_task(_draw(live, console, screen))
        tasks = {following, drawing, *ends}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in (following, drawing):
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _draw(live: Live, console: Console, screen: Screen) -> None:
    while True:
        screen.changed.clear()
        live.update(screen.draw(console.width, console.height), refresh=True)
        await asyncio.sleep(1 / DRAWS_PER_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(
                1 - 1 / DRAWS_PER_S
            ):  # wait_for would lose a cancellation that comes with a change
                await screen.changed.wait()


async def show_once(client: LiveClient) -> None:
    """One picture, printed. LiveError where there is nothing to show."""
    console = Console(highlight=False)
    terminal = console.is_terminal
    width, height = (console.width, console.height - 1) if terminal else (max(console.width, ONCE_WIDTH), ONCE_HEIGHT)
    screen = Screen(client.url)
    async with contextlib.aclosing(client.events()) as events:
        async for event in events:
            screen.on_event(event)
            if event.kind == "state":
                drawn = screen.draw(width, height)
                console.print(drawn, soft_wrap=True)
                return
    raise LiveError(f"{client.url} has ended the feed before it said anything", again=True)
