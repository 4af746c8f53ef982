"""Receiver, simulator and engine as they are started for a play: each in its own process, this one receives.

By the real-time socket the engine follows the simulator's calls as soon as it is up; by AudioHook it is up first, and the
simulator's calls connect to it. A call's clock begins when somebody listens, so nothing is said before. They end in reverse
order when the block is left.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

import aiohttp
import orjson

from engine.demo.calls import PlayedCall, read_call, read_calls
from engine.demo.figures import Reading, read_metrics
from engine.demo.processes import Child, Event, child_environment, running
from engine.demo.receiver import Receiver
from engine.demo.scene import Source, counted
from engine.demo.sessions import Sessions, read_sessions
from engine.errors import DemoError

SIMULATE: dict[Source, tuple[str, ...]] = {"realtime": ("simulate",), "audiohook": ("simulate", "audiohook")}
START_S = 60.0
ANSWER_S = 10.0
FOLLOWED = (201, 409)  # it is now, or was already
REFUSED_FOR_NOW = (429, 503)
LAST_WORDS_S = 3.0

T = TypeVar("T")


class Steps(Protocol):
    """Who is told how the set-up goes."""

    def begun(self, step: str) -> None:
        """A step of the set-up begins."""
        ...

    def done(self, step: str) -> None:
        """It is done."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    """The three at work."""

    receiver: Receiver
    simulator: Child
    engine: Child
    simulator_url: str
    engine_url: str
    _http: aiohttp.ClientSession

    async def calls(self) -> tuple[PlayedCall, ...]:
        """The calls as the simulator sees them. DemoError when it can't be asked any more."""
        return await self._ask(f"{self.simulator_url}/simulator/calls", read_calls)

    async def reading(self) -> Reading:
        """What the engine has counted. DemoError when it can't be asked any more."""
        return await self._ask(f"{self.engine_url}/metrics", lambda body: read_metrics(body.decode()))

    async def simulator_late_ms(self) -> float:
        """How far the simulator was behind its own clock at worst."""
        return await self._ask(
            f"{self.simulator_url}/simulator/load", lambda body: float(orjson.loads(body)["late_ms"])
        )

    async def sessions(self) -> Sessions:
        """What the AudioHook simulator saw of its sessions."""
        return await self._ask(f"{self.simulator_url}/simulator/summary", read_sessions)

    async def place(self) -> PlayedCall:
        """One more call of the simulator. DemoError when it can't be asked any more."""
        return await self._ask(f"{self.simulator_url}/simulator/calls", read_call, "POST")

    async def follow(self, conversation_id: str) -> bool:
        """Let the engine follow it; False where it takes no more for now. DemoError when it can't be asked any more."""
        url, wanted = f"{self.engine_url}/v1/conversations", {"conversation_id": conversation_id}
        status, _ = await self._exchange(url, "POST", wanted, REFUSED_FOR_NOW + FOLLOWED)
        return status in FOLLOWED

    def check(self) -> None:
        """DemoError when one of them has ended."""
        for child in (self.simulator, self.engine):
            child.check()

    async def _ask(self, url: str, read: Callable[[bytes], T], method: str = "GET") -> T:
        _, body = await self._exchange(url, method)
        try:
            return read(body)
        except ValueError as error:
            raise await self._no_answer(error) from error

    async def _exchange(
        self, url: str, method: str, body: Mapping[str, str] | None = None, accepted: Sequence[int] = ()
    ) -> tuple[int, bytes]:
        """Status and body of the answer, which is a good one or one of `accepted`."""
        self.check()
        try:
            async with self._http.request(method, url, json=body) as response:
                if response.status not in accepted:
                    response.raise_for_status()
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise await self._no_answer(error) from error

    async def _no_answer(self, error: Exception) -> DemoError:
        await asyncio.gather(*(child.ending(LAST_WORDS_S) for child in (self.simulator, self.engine)))
        self.check()
        return DemoError(f"A process of the play can't be asked any more: {error or type(error).__name__}")


@dataclass(frozen=True, slots=True)
class _Starting:
    """How both processes are started; each is stopped with the stack."""

    stack: AsyncExitStack
    environ: Mapping[str, str]
    steps: Steps
    hurry: asyncio.Event

    async def simulator(self, arguments: Sequence[str], settings: Mapping[str, str]) -> tuple[Child, Event]:
        """The simulator, and how it says that it is ready."""
        self.steps.begun("starting the simulator")
        environment = child_environment(self.environ, settings)
        starting = running("simulator", arguments, environment, _simulator_ready, self.hurry)
        child = await self.stack.enter_async_context(starting)
        ready = await child.ready(START_S)
        calls = f": {counted(len(ready['calls']), 'call')}" if ready["calls"] else ""
        self.steps.done(f"simulator{calls} at {ready['url']}")
        return child, ready

    async def engine(self, settings: Mapping[str, str]) -> tuple[Child, Event]:
        """The engine, and how it says that it is up."""
        self.steps.begun("starting the engine, loading the model")
        environment = child_environment(self.environ, settings)
        child = await self.stack.enter_async_context(running("engine", ["run"], environment, _engine_ready, self.hurry))
        up = await child.ready(START_S)
        shown = f"engine: {counted(up['shards'], 'shard')}, model {up['model']}, admin API at {up['admin']}"
        self.steps.done(shown + (f", AudioHook at {up['audiohook']}" if up.get("audiohook") else ""))
        return child, up


@asynccontextmanager
async def staged(
    simulator_arguments: Sequence[str],
    phrases: Sequence[str],
    environ: Mapping[str, str],
    steps: Steps,
    hurry: asyncio.Event,
    settings: Mapping[str, str] | None = None,
    receiver: Receiver | None = None,
    source: Source = "realtime",
) -> AsyncIterator[Stage]:
    """Start them; `settings` are further variables of the engine. DemoError when one does not start; nothing is left then."""
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(receiver or Receiver())
        start = _Starting(stack, environ, steps, hurry)
        state = {"CUELINE_STATE_DIR": stack.enter_context(TemporaryDirectory(prefix="cueline-"))}
        ours = engine_settings(phrases, receiver) | state
        if source == "realtime":
            simulator, ready = await start.simulator(simulator_arguments, {})
            engine, up = await start.engine(ready["environment"] | ours | dict(settings or {}))
        else:
            key = audiohook_key()
            engine, up = await start.engine(key | {"CUELINE_AUDIOHOOK_PORT": "0"} | ours | dict(settings or {}))
            simulator, ready = await start.simulator([*simulator_arguments, "--url", _audiohook_url(up)], key)
        steps.done(f"listening for: {', '.join(phrases)}")
        timeout = aiohttp.ClientTimeout(total=ANSWER_S)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        yield Stage(receiver, simulator, engine, ready["url"], up["admin"], http)


def audiohook_key() -> dict[str, str]:
    """Credentials that both processes get by their environment: only they know them."""
    return {
        "CUELINE_AUDIOHOOK_API_KEY": secrets.token_hex(16),
        "CUELINE_AUDIOHOOK_CLIENT_SECRET": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def _audiohook_url(up: Event) -> str:
    url = up.get("audiohook")
    if not isinstance(url, str):
        raise DemoError("The engine is up without its AudioHook server.")
    return url


def _simulator_ready(event: Event) -> bool:
    return event.get("event") == "ready"


def _engine_ready(event: Event) -> bool:
    return event.get("event") == "cueline is up"


def wanted_phrases(speech: Path) -> list[str]:
    """What is listened for in these recordings; nothing where their manifest names no phrases."""
    phrases: list[str] = orjson.loads((speech / "manifest.json").read_bytes()).get("phrases", [])
    return phrases


def engine_settings(phrases: Sequence[str], receiver: Receiver) -> dict[str, str]:
    """Environment of `cueline run` beside what says where calls come from."""
    settings = {
        "CUELINE_WEBHOOK_URL": receiver.url,
        "CUELINE_WEBHOOK_SECRET": receiver.secret,
        "CUELINE_ADMIN_PORT": "0",
        "CUELINE_DRAIN_S": "0",
        "CUELINE_LOG_LEVEL": "info",  # "cueline is up" is what is waited for
    }
    return settings | ({"TARGET_KEYWORD": ",".join(phrases)} if phrases else {})
