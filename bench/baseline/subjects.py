"""The baselines as subjects of the same load and the same criterion as the product.

`stock`: the model decodes as its own model.conf says, as these ways do it; otherwise with Cueline's settings.

    python -m bench.baseline.subjects server|scripts --calls 20 [--seconds 15] [--equal]
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from bench.audio import MODEL, SPEECH
from bench.baseline.play import Play
from bench.baseline.scripts import started
from bench.baseline.timing import stagger_ms
from bench.load.point import Point, Ranks
from bench.load.product import LAST_WORDS_S, SETTLE_S, STAGGER_ALL_MS
from bench.load.subject import Subject
from engine.demo.processes import Event, child_environment, running
from engine.demo.receiver import Receiver
from engine.demo.stage import wanted_phrases
from engine.errors import DemoError
from engine.simulator.options import SPEECH_DIR
from engine.speech.model import prepared_model

START_S = 60.0
PER_CALL_S = 2.0  # a process more to start


@contextmanager
def model_folder(*, stock: bool) -> Iterator[Path]:
    """The shipped model, to be decoded as it says itself or as Cueline does."""
    if stock:
        yield MODEL
        return
    with prepared_model(SPEECH) as folder:
        yield folder


def _point(done: Event, calls: int) -> Point:
    """What the client found."""
    if failure := done.get("failure"):
        return Point.failed(calls, failure)
    found = done["point"]
    return Point(**found | {ranks: Ranks(**found[ranks]) for ranks in ("frame_ms", "spot_ms")})


class PlainServer:
    """The recognition server of `server.py` under the load of `client.py`: each a process."""

    name = "plain server"

    def __init__(self, speech: Path = SPEECH_DIR, *, stock: bool) -> None:
        self._speech = speech
        self._stock = stock

    async def measure(self, calls: int, seconds: float) -> Point:
        """As Subject."""
        with model_folder(stock=self._stock) as folder:
            async with started("bench.baseline.server", [str(folder)]) as server:
                ready = await server.answer(START_S)
                arguments = [ready["url"], str(server.pid), str(self._speech), str(calls), str(seconds)]
                async with started("bench.baseline.client", arguments) as client:
                    limit_s = START_S + STAGGER_ALL_MS / 1000 + SETTLE_S + seconds + LAST_WORDS_S
                    try:
                        return _point(await client.answer(limit_s), calls)
                    except DemoError as error:
                        return Point.failed(calls, str(error))


class TutorialScripts:
    """A process of `tutorial.py` for each call of the simulator; this process receives the webhooks."""

    name = "script per call"

    def __init__(self, speech: Path = SPEECH_DIR, *, stock: bool) -> None:
        self._speech = speech
        self._stock = stock

    async def measure(self, calls: int, seconds: float) -> Point:
        """As Subject. All have loaded the model before one connects."""
        arguments = ["simulate", "--port", "0", "--json", "--loop", "--speech", str(self._speech)]
        arguments += ["--calls", str(calls), "--stagger-ms", str(stagger_ms(calls))]
        phrases = wanted_phrases(self._speech)
        hurry = asyncio.Event()
        hurry.set()  # nothing here needs an orderly end
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(model_folder(stock=self._stock))
            receiver = await stack.enter_async_context(Receiver())
            starting = running("simulator", arguments, child_environment(os.environ, {}), _is_ready, hurry)
            simulator = await stack.enter_async_context(starting)
            ready = await simulator.ready(START_S)
            scripts = []
            for call in ready["calls"]:
                wanted = [str(folder), call["conversation_id"], receiver.url, *phrases]
                starting_script = started("bench.baseline.tutorial", wanted, ready["environment"])
                scripts.append(await stack.enter_async_context(starting_script))
            for script in scripts:
                await script.answer(START_S + PER_CALL_S * calls)
            play = Play(scripts, ready["url"], simulator.pid, receiver)
            try:
                return await play.measure(seconds)
            except DemoError as error:
                return Point.failed(calls, str(error))


def _is_ready(event: Event) -> bool:
    return event.get("event") == "ready"


def main() -> None:
    """Measure one."""
    parser = argparse.ArgumentParser(description="One measurement of one baseline.")
    parser.add_argument("subject", choices=["server", "scripts"])
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--equal", action="store_true", help="decode with Cueline's settings")
    wanted = parser.parse_args()
    made: dict[str, type[PlainServer | TutorialScripts]] = {"server": PlainServer, "scripts": TutorialScripts}
    subject: Subject = made[wanted.subject](stock=not wanted.equal)
    point = asyncio.run(subject.measure(wanted.calls, wanted.seconds))
    print(json.dumps({"subject": subject.name, "stock": not wanted.equal, **point.report()}, indent=2))


if __name__ == "__main__":
    main()
