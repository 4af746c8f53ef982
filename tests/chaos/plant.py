"""Simulators, engine and receiver as the chaos needs them: an engine that can be killed and started again on the same state.

Whatever they start carries a mark in its environment, so that what is left behind is found whoever its parent has become.
"""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import orjson
import psutil
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ConfigDict, TypeAdapter

from engine.demo.calls import PlayedCall
from engine.demo.processes import Child, Event, child_environment, running
from engine.demo.stage import START_S, engine_settings, wanted_phrases
from engine.errors import DemoError
from engine.simulator.call import Sent
from engine.simulator.options import SPEECH_DIR
from tests.chaos.hooks import Hooks
from tests.chaos.receiver import Receiver
from tests.support.engine import MARK, alive

LEFT_OUT = {"call-09.wav"}  # says a phrase twice within five seconds: a late delivery could be for either
STAGGER_MS = 150
VANISH_S = 5.0
RESUME_S = 8.0
HOOKS_RESUME_S = 16.0  # Genesys waits 1, 2, 4 and 8 s
PATIENT, FORGOTTEN_MS = 2, 11_000  # the next two attempts take 12 s; they are forgotten once a session has lasted 10 s
DRAIN_S = 5.0
FRAMES, HOOK_FRAMES = 2, 12
DRAINED_S = 15.0
IMPATIENT = """# The chaos runs' engines: defaults but for what would make a run last for hours.
[genesys]
connect_timeout_s = 2.0
request_timeout_s = 3.0
reconnect_tries = 50
reconnect_base_s = 0.3
reconnect_max_s = 2.0
ping_interval_s = 2.0
"""
CONFIG = f"""{IMPATIENT}
[audiohook]
open_timeout_s = 4.0
silence_timeout_s = 6.5  # a client pings every 5 s
close_timeout_s = 3.0

[shards]
restart_limit = 10000
restart_window_s = 3.0
"""


class ChaosCall(PlayedCall):
    """A call with what was sent of it to whom."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    sent: tuple[Sent, ...] = ()
    participant_id: str | None = None  # of AudioHook calls
    attempt: int = 0  # of the session that goes on

    @property
    def placed(self) -> bool:
        """Whether the engine's places in it are the call's own: it is told them."""
        return self.participant_id is not None


_CALLS = TypeAdapter(tuple[ChaosCall, ...])


def quotable_speech(folder: Path) -> Path:
    """The demo's recordings in which something is said, without those that can't be accounted."""
    manifest = json.loads((SPEECH_DIR / "manifest.json").read_text())
    kept = [call for call in manifest["calls"] if call["said"] and call["file"] not in LEFT_OUT]
    folder.mkdir()
    for call in kept:
        (folder / call["file"]).symlink_to(SPEECH_DIR / call["file"])
    (folder / "manifest.json").write_text(json.dumps(manifest | {"calls": kept}))
    return folder


class Plant:
    """The three at work; made by `planted`."""

    def __init__(self, folder: Path, environ: Mapping[str, str], hurry: asyncio.Event) -> None:
        self.receiver = Receiver()
        self.mark = uuid4().hex
        self.simulator_url = ""
        self.engine_url = ""
        self.engine_begun_s = 0.0
        self.conversation_ids: list[str] = []
        self.wrong: list[str] = []  # what was not as it has to be, in sentences
        self.left_behind: list[str] = []
        self.not_resumed = 0
        self._folder = folder
        self._environ = {**environ, MARK: self.mark}
        self._hurry = hurry
        self._ready: Event = {}
        self._engine: Child | None = None
        self._engine_stack = AsyncExitStack()
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5))
        self.hooks = Hooks(self._http)
        self._shards: dict[str, list[tuple[int, int | None]]] = defaultdict(list)
        self._dropped: dict[str, float] = {}  # by engine
        self.workers: dict[int, int] = {}  # the latest generation's process ids by shard

    async def start(self, stack: AsyncExitStack, calls: int, hook_calls: int) -> None:
        """Start all of them and let the engine follow every call."""
        await stack.enter_async_context(self._http)
        await stack.enter_async_context(self.receiver)
        speech = quotable_speech(self._folder / "speech")
        (self._folder / "cueline.toml").write_text(CONFIG)
        arguments = ["simulate", "--port", "0", "--json", "--loop", "--speech", str(speech), "--calls", str(calls)]
        environment = child_environment(self._environ, {})
        simulator = await stack.enter_async_context(running("simulator", arguments, environment, _ready, self._hurry))
        self._ready = await simulator.ready(START_S)
        self.simulator_url = self._ready["url"]
        self.conversation_ids = [call["conversation_id"] for call in self._ready["calls"]]
        stack.push_async_callback(self.stop_engine)
        await self.start_engine(wanted_phrases(speech))
        for conversation_id in self.conversation_ids:
            await self.follow(conversation_id)
            await asyncio.sleep(STAGGER_MS / 1000)
        await self.hooks.start(stack, self._environ, self._hurry, speech, first=calls, calls=hook_calls)

    async def start_engine(self, phrases: list[str] | None = None) -> None:
        """Start it on the state it left; DemoError where it does not come up."""
        if phrases is not None:
            settings = engine_settings(phrases, self.receiver)  # type: ignore[arg-type]
            self._settings = (
                self._ready["environment"]
                | self.hooks.settings
                | settings
                | {
                    "CUELINE_DRAIN_S": str(DRAIN_S),
                    "CUELINE_STATE_DIR": str(self._folder / "state"),
                    "CUELINE_LOG_LEVEL": "debug",  # says which shard a call is on
                }
            )
            del self._settings["GENESYS_CONVERSATION_ID"]  # a restarted engine has to know by itself
        environment = child_environment(self._environ, self._settings)
        arguments = ["run", "--config", str(self._folder / "cueline.toml")]
        starting = running("engine", arguments, environment, _up, self._hurry, self._heard)
        self._engine = await self._engine_stack.enter_async_context(starting)
        self.engine_url = (await self._engine.ready(START_S))["admin"]
        self.engine_begun_s = time.monotonic()

    async def stop_engine(self) -> None:
        """End it in order, if it runs."""
        await self._engine_stack.aclose()

    def _heard(self, event: Event) -> None:
        now_ns = time.monotonic_ns()
        match event.get("event"):
            case "worker up":
                self.workers[event["shard"]] = event["pid"]
            case "conversation has its shard":
                self._shards[event["conversation_id"]].append((now_ns, event["shard"]))

    def shard_at(self, conversation_id: str, at_ns: int) -> int | None:
        """The shard on which the conversation was then; None where it is not known."""
        known = [shard for since_ns, shard in self._shards[conversation_id] if since_ns <= at_ns]
        return known[-1] if known else None

    # processes

    @property
    def engine_pid(self) -> int:
        """The supervisor's."""
        assert self._engine is not None
        return self._engine.pid

    def helper(self, module: str) -> psutil.Process | None:
        """The supervisor's child that runs this module."""
        for child in psutil.Process(self.engine_pid).children():
            with contextlib.suppress(psutil.Error):
                if module in child.cmdline():
                    return child
        return None

    async def restart_killed_engine(self) -> None:
        """After a KILL: what it had started has to go by itself, then another engine takes over."""
        mine = {process.pid for process in alive(self.mark)} - {os.getpid()}
        engines = {each for each in mine if _is_engine(each)}
        deadline = time.monotonic() + VANISH_S
        while left := engines & {process.pid for process in alive(self.mark)}:
            if time.monotonic() > deadline:
                self.left_behind += [" ".join(psutil.Process(pid).cmdline()) for pid in left if psutil.pid_exists(pid)]
                break
            await asyncio.sleep(0.02)
        await self._engine_stack.aclose()
        await self.start_engine()

    def term(self) -> None:
        """Let the engine drain."""
        os.kill(self.engine_pid, signal.SIGTERM)

    async def restart_drained_engine(self) -> None:
        """After a TERM: wait for its end, then another engine takes over. What was not orderly is noted."""
        assert self._engine is not None
        await self._engine.ending(DRAINED_S)
        if self._engine.exit_code != 0:
            self.wrong.append(f"A drained engine ended with exit code {self._engine.exit_code}.")
        await self._engine_stack.aclose()
        await self.start_engine()

    async def resumed(self, since_ns: int) -> bool:
        """Whether every call's audio flows to the engine that was started after this moment; those it forgot are added."""
        flowing = False
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: self._all_flow(since_ns, self.conversation_ids), RESUME_S)
            flowing = True
        if not flowing:
            status, body = await self.ask("/v1/conversations")
            live = {each["conversation_id"] for each in body["conversations"]} if status == 200 else set()
            missing = [each for each in self.conversation_ids if each not in live]
            self.not_resumed += len(missing)
            for conversation_id in missing:
                await self.follow(conversation_id)
            with contextlib.suppress(TimeoutError):
                await self.until(lambda: self._all_flow(since_ns, self.conversation_ids), RESUME_S)
        try:
            await self.until(lambda: self._all_flow(since_ns, self.hooks.conversation_ids), HOOKS_RESUME_S)
        except TimeoutError:
            self.wrong.append("AudioHook clients did not come back to a restarted engine.")
            return False
        return flowing

    async def _all_flow(self, since_ns: int, conversation_ids: Collection[str]) -> bool:
        return all(
            call.started_ns is not None and call.sent and call.started_ns + call.sent[-1].from_ms * 1e6 > since_ns
            for call in await self.calls()
            if call.conversation_id in conversation_ids
        )

    # what can be asked

    async def follow(self, conversation_id: str) -> tuple[int, Any]:
        """Let the engine follow it; status and body of the answer."""
        return await self._request("POST", f"{self.engine_url}/v1/conversations", {"conversation_id": conversation_id})

    async def arm(self, name: str, **settings: object) -> None:
        """Arm a fault of the simulator."""
        status, body = await self._request("POST", f"{self.simulator_url}/simulator/faults", {"name": name} | settings)
        if status >= 300:
            raise DemoError(f"The simulator takes no fault {name}: {body}")

    async def calls(self) -> tuple[ChaosCall, ...]:
        """As the simulators see them."""
        async with self._http.get(f"{self.simulator_url}/simulator/calls") as response:
            ours = _CALLS.validate_json(await response.read())
        return ours + _CALLS.validate_python(await self.hooks.calls())

    async def weary(self) -> set[str]:
        """AudioHook calls whose clients have tried often of late: each would be given up if it were cut off again and again."""
        now_ns = time.monotonic_ns()
        calls = _CALLS.validate_python(await self.hooks.calls())
        return {
            call.conversation_id
            for call in calls
            if call.attempt > PATIENT
            and (not call.sent or call.elapsed_ms(now_ns) - call.sent[-1].from_ms < FORGOTTEN_MS)
        }

    async def sessions(self, conversation_id: str) -> dict[str, dict[str, Any]]:
        """The AudioHook sessions of a conversation that are followed now, by id, as the admin API tells them."""
        status, body = await self.ask("/v1/conversations")
        everybody = body["conversations"] if status == 200 else []
        return {
            each["session_id"]: each
            for each in everybody
            if each["conversation_id"] == conversation_id and each["state"] not in ("ended", "failed")
        }

    async def ask(self, path: str) -> tuple[int, Any]:
        """The admin API; status 0 where it does not answer."""
        return await self._request("GET", self.engine_url + path)

    async def samples(self, name: str) -> dict[str, float]:
        """A metric's samples by shard ("" without one); ConnectionError where the engine does not answer."""
        try:
            async with self._http.get(f"{self.engine_url}/metrics") as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ConnectionError("the engine does not answer") from error
        lines = "\n".join(line for line in text.splitlines() if name.removesuffix("_total") in line)
        found: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(lines + "\n"):
            for sample in family.samples:
                if sample.name == name:
                    found[sample.labels.get("shard", "")] += sample.value
        return found

    async def caught_up(self) -> bool:
        """Whether nothing waits to be heard, but for a frame or two per call; a message of AudioHook brings five of each channel."""
        backlog_s = await self.samples("cueline_audiohook_backlog_seconds")
        waiting = await self.samples("cueline_queue_depth_frames")
        usual = FRAMES * len(self.conversation_ids) + HOOK_FRAMES * len(self.hooks.conversation_ids)
        return not any(backlog_s.values()) and sum(waiting.values()) <= usual

    async def dropped_frames(self) -> int:
        """Frames lost on the way so far, over all engines."""
        with contextlib.suppress(ConnectionError):
            self._dropped[self.engine_url] = sum((await self.samples("cueline_frames_dropped_total")).values())
        return int(sum(self._dropped.values()))

    async def dead_letters(self) -> int:
        """Commands that are kept and not tried any more; 0 where the engine does not answer."""
        with contextlib.suppress(ConnectionError):
            return int((await self.samples("cueline_outbox_dead"))[""])
        return 0

    async def _request(self, method: str, url: str, body: object = None) -> tuple[int, Any]:
        try:
            async with self._http.request(method, url, json=body) as response:
                raw = await response.read()
                with contextlib.suppress(orjson.JSONDecodeError):
                    return response.status, orjson.loads(raw)
                return response.status, raw
        except (aiohttp.ClientError, TimeoutError):
            return 0, None

    async def until(self, holds: Callable[[], Awaitable[bool]], timeout_s: float) -> None:
        """Ask until it holds; an engine that does not answer does not. TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                with contextlib.suppress(ConnectionError, aiohttp.ClientError, psutil.Error):
                    if await holds():
                        return
                await asyncio.sleep(0.03)


def _ready(event: Event) -> bool:
    return event.get("event") == "ready"


def _up(event: Event) -> bool:
    return event.get("event") == "cueline is up"


def _is_engine(pid: int) -> bool:
    """Whether it is of the engine, not the simulator."""
    try:
        return "simulate" not in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


@asynccontextmanager
async def planted(
    folder: Path, environ: Mapping[str, str], hurry: asyncio.Event, calls: int, hook_calls: int
) -> AsyncIterator[Plant]:
    """All of them until the block is left; then nothing of them is. DemoError where one does not start."""
    plant = Plant(folder, environ, hurry)
    async with AsyncExitStack() as stack:
        await plant.start(stack, calls, hook_calls)
        yield plant
