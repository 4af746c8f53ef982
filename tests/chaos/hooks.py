"""The plant's AudioHook calls: Genesys as a client of the engine, two channels each, its retries as Genesys'.

The engine listens on one port in all its lives, so that clients find it again after a restart by themselves. The calls' ids
follow those of the calls by the real-time socket. Times and places as there, but for one thing: what the engine says of a
place is the call's own, whatever has happened, since each session tells it where it begins.
"""

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from engine.demo.processes import Event, child_environment, running
from engine.demo.stage import START_S, audiohook_key
from engine.errors import DemoError
from engine.simulator.audiohook import AudioHookClient, HookOptions
from engine.simulator.audiohook.faults import FAULTS

PATH = "/api/v1/audiohook/ws"
SLOW_FAULTS = {"stops_reading"}  # a client that reads nothing does not see its end either


class Hooks:
    """The simulated clients; made with the plant, started once the engine is up."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.key = audiohook_key()
        self.port = _free_port()
        self.conversation_ids: list[str] = []
        self._http = http
        self._url = ""

    @property
    def settings(self) -> dict[str, str]:
        """Environment of the engine."""
        return self.key | {"CUELINE_AUDIOHOOK_PORT": str(self.port)}

    async def start(
        self,
        stack: AsyncExitStack,
        environ: Mapping[str, str],
        hurry: asyncio.Event,
        speech: Path,
        *,
        first: int,
        calls: int,
    ) -> None:
        """Let so many calls connect, the first with that number."""
        arguments = ["simulate", "audiohook", "--url", self._engine_url, "--port", "0", "--json", "--loop", "--stay"]
        arguments += ["--speech", str(speech), "--calls", str(calls), "--first-call", str(first), "--rate", "5"]
        environment = child_environment(environ, self.key)
        child = await stack.enter_async_context(running("AudioHook simulator", arguments, environment, _ready, hurry))
        ready = await child.ready(START_S)
        self._url = ready["url"]
        self.conversation_ids = [call["conversation_id"] for call in ready["calls"]]

    def client(self) -> AudioHookClient:
        """One more client, led by hand; not connected yet."""
        names = {"api_key": "CUELINE_AUDIOHOOK_API_KEY", "client_secret": "CUELINE_AUDIOHOOK_CLIENT_SECRET"}
        return AudioHookClient(
            HookOptions(url=self._engine_url, **{name: self.key[key] for name, key in names.items()})
        )

    @property
    def _engine_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{PATH}"

    async def calls(self) -> list[dict[str, Any]]:
        """As the clients see them."""
        return list(await self._get("calls"))

    async def summary(self) -> dict[str, Any]:
        """What they have seen of the engine, all together."""
        return dict(await self._get("summary"))

    async def deed(self, conversation_id: str, what: str, seconds: float = 1.0) -> None:
        """Let a call's client do this; `engine.simulator.audiohook.control` says what there is."""
        await self._post(f"calls/{conversation_id}/{what}?seconds={seconds}")

    @property
    def faults(self) -> list[str]:
        """Every fault of the simulator's table whose client sees its end soon."""
        return [name for name in FAULTS if name not in SLOW_FAULTS]

    async def commit(self, names: Sequence[str]) -> None:
        """Let each fault be committed by a client of its own, now."""
        for name in names:
            await self._post("faults", {"name": name})

    async def outcomes(self) -> list[dict[str, Any]]:
        """Of the faults so far."""
        return list(await self._get("faults"))

    async def _get(self, what: str) -> Any:
        async with self._http.get(f"{self._url}/simulator/{what}") as response:
            return json.loads(await response.read())

    async def _post(self, what: str, body: object = None) -> None:
        async with self._http.post(f"{self._url}/simulator/{what}", json=body) as response:
            if response.status >= 300:
                raise DemoError(f"The AudioHook simulator takes no {what}: {await response.text()}")


def _ready(event: Event) -> bool:
    return event.get("event") == "ready"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
