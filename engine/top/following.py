"""Follow an engine's feed for as long as somebody looks: connect, and after every end connect again, ever more patiently.

An engine that is not there yet, or restarts, is waited for. A LiveError that trying again can't mend ends it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from engine.errors import LiveError
from engine.live_client import LiveClient, LiveEvent

BACKOFF_S = (0.5, 1.0, 2.0, 4.0)  # the last one from then on
JITTER = 0.25  # of it: many consoles do not come back in step
ENDED = "the engine has ended the feed"
BEHIND = "this terminal was too slow for the feed"


async def follow(
    client: LiveClient,
    on_event: Callable[[LiveEvent], bool],
    on_down: Callable[[str, float], None],
    rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Until cancelled. `on_event` says whether the connection is still good; `on_down` hears why there is none, and for how long.

    LiveError where trying again can't help.
    """
    failures = 0
    while True:
        why = ENDED
        try:
            async with aclosing(client.events()) as events:
                async for event in events:
                    failures = 0
                    if not on_event(event):
                        why = BEHIND
                        break
        except LiveError as error:
            if not error.again:
                raise
            why = str(error)
        base_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
        wait_s = base_s * (1 + random.uniform(-JITTER, JITTER))  # noqa: S311 - no secret
        failures += 1
        on_down(why, wait_s)
        await rest(wait_s)
