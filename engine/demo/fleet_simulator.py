"""The simulator of a play of the fleet, and its book: what of each call went to which client."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
from pydantic import TypeAdapter, ValidationError

from engine.demo.calls import PlayedCall
from engine.demo.processes import Child, child_environment, running
from engine.demo.stage import START_S
from engine.errors import DemoError
from engine.simulator.call import Sent
from engine.simulator.options import SPEECH_DIR

ANSWER_S = 5.0
LAST_WORDS_S = 3.0
OK, CREATED, NO_CONTENT = 200, 201, 204
LEFT_OUT = "call-09.wav"  # says a phrase twice within five seconds


class FleetCall(PlayedCall):
    """A call with the simulator's book of what was sent of it, and to whom: one line per subscription that got audio."""

    sent: tuple[Sent, ...] = ()


_CALLS = TypeAdapter(tuple[FleetCall, ...])


class Asking:
    """Questions over HTTP to whoever may be dead, halted or busy."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_S))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def ask(self, method: str, url: str, body: object = None) -> tuple[int, Any]:
        """Status and body (JSON, else bytes) of an answer; 0 and None without one."""
        assert self._session is not None
        try:
            async with self._session.request(method, url, json=body) as response:
                raw = await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, None
        try:
            return response.status, orjson.loads(raw)
        except orjson.JSONDecodeError:
            return response.status, raw


class FleetSimulator:
    """`cueline simulate` with these words; `environment` is what a node needs to follow its calls."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], hurry: asyncio.Event, http: Asking) -> None:
        self.url = ""
        self.conversation_ids: tuple[str, ...] = ()  # those that it has from the start
        self.environment: dict[str, str] = {}
        self._words = words
        self._environ = environ
        self._hurry = hurry
        self._http = http
        self._child: Child | None = None

    async def start(self, stack: AsyncExitStack) -> None:
        """Start it; it ends with the stack. DemoError."""
        environment = child_environment(self._environ, {})
        self._child = await stack.enter_async_context(
            running("simulator", self._words, environment, lambda event: event.get("event") == "ready", self._hurry)
        )
        ready = await self._child.ready(START_S)
        self.url, self.environment = ready["url"], ready["environment"]
        self.conversation_ids = tuple(call["conversation_id"] for call in ready["calls"])

    def check(self) -> None:
        """DemoError when it has ended."""
        assert self._child is not None
        self._child.check()

    async def place(self) -> PlayedCall:
        """One more call of the simulator; it waits until somebody follows it."""
        status, body = await self._http.ask("POST", f"{self.url}/simulator/calls")
        if status != CREATED:
            raise DemoError(f"The simulator places no call ({status}).")
        return PlayedCall.model_validate(body)

    async def end_call(self, conversation_id: str) -> None:
        """Somebody hangs up."""
        await self._http.ask("POST", f"{self.url}/simulator/calls/{conversation_id}/end")

    async def arm(self, fault: str, **settings: object) -> None:
        """Arm a fault of the simulator; DemoError where there is no such fault."""
        status, body = await self._http.ask("POST", f"{self.url}/simulator/faults", {"name": fault} | settings)
        if status not in (OK, NO_CONTENT):
            raise DemoError(f"The simulator takes no fault {fault}: {body}")

    async def calls(self) -> tuple[FleetCall, ...]:
        """As the simulator has them in its book. DemoError when it can't be asked any more."""
        status, body = await self._http.ask("GET", f"{self.url}/simulator/calls")
        assert self._child is not None
        if status != OK:
            await self._child.ending(LAST_WORDS_S)
            self._child.check()
            raise DemoError(f"The simulator can't be asked any more ({status}).")
        try:
            return _CALLS.validate_python(body)
        except ValidationError as error:
            raise DemoError(f"The simulator's book can't be read: {error}") from error

    async def late_ms(self) -> float:
        """How far it was behind its own clock at worst; 0 where it does not say."""
        status, body = await self._http.ask("GET", f"{self.url}/simulator/load")
        return float(body["late_ms"]) if status == OK else 0.0


def quotable_speech(folder: Path) -> Path:
    """The recordings in which something is said, so that no phrase of one could be taken for another; returns the folder."""
    manifest = json.loads((SPEECH_DIR / "manifest.json").read_text())
    kept = [call for call in manifest["calls"] if call["said"] and call["file"] != LEFT_OUT]
    folder.mkdir()
    for call in kept:
        (folder / call["file"]).symlink_to(SPEECH_DIR / call["file"])
    (folder / "manifest.json").write_text(json.dumps(manifest | {"calls": kept}))
    return folder
