"""A whole installation on loopback: simulator, engine, and what one sees of them over HTTP."""

import asyncio
import contextlib
import json
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.support.commands import Receiver
from tests.support.engine import ROOT, Command, Environment, command
from tests.support.waiting import until

SPEECH = ROOT / "engine/simulator/speech"
MANIFEST = json.loads((SPEECH / "manifest.json").read_text())["calls"]
EARLY_MS, LATE_MS = 400, 800  # around the manifest's end of a phrase; the recognizer's own frames are coarser than ours
QUICK = """[genesys]
connect_timeout_s = 2.0
request_timeout_s = 3.0
reconnect_tries = 5
reconnect_base_s = 0.1

[shards]
slots = 2048  # recordings are played faster than real time here, on machines that do other things too
"""


def phrases_of(number: int, *wanted: str) -> list[tuple[str, int]]:
    """What is said in call `number` (from 1) and when it ends, in ms; only of these phrases where some are given."""
    said = MANIFEST[number - 1]["said"]
    return [(each["phrase"], each["end_ms"]) for each in said if not wanted or each["phrase"] in wanted]


@dataclass
class Simulated:
    """A running simulator."""

    url: str
    environment: dict[str, str]
    ids: list[str]  # of call 1, call 2, …
    http: aiohttp.ClientSession
    pid: int

    def follow(self, *numbers: int) -> dict[str, str]:
        """The environment with which these calls are followed."""
        return self.environment | {"GENESYS_CONVERSATION_ID": ",".join(self.ids[number - 1] for number in numbers)}

    async def arm(self, name: str, **settings: object) -> None:
        """Arm a fault."""
        async with self.http.post(f"{self.url}/simulator/faults", json={"name": name} | settings) as response:
            assert response.status < 300, await response.text()

    async def end(self, number: int) -> None:
        """Hang call `number` up."""
        async with self.http.post(f"{self.url}/simulator/calls/{self.ids[number - 1]}/end") as response:
            assert response.status < 300, await response.text()

    async def report(self, what: str) -> list[dict[str, Any]]:
        """Its `calls`, `requests`, `actions` or `faults`."""
        async with self.http.get(f"{self.url}/simulator/{what}") as response:
            return await response.json()


@contextlib.asynccontextmanager
async def simulator(*words: object) -> AsyncIterator[Simulated]:
    """`cueline simulate` on a free port."""
    async with command("simulate", "--port", 0, "--json", *words) as process, aiohttp.ClientSession() as http:
        await until(lambda: process.out or process.process.returncode is not None)
        assert process.out, "\n".join(process.err)
        ready = json.loads(process.out[0])
        ids = [call["conversation_id"] for call in ready["calls"]]
        yield Simulated(ready["url"], ready["environment"], ids, http, process.process.pid)


@dataclass
class Running:
    """An engine that is up: the process, and a client of its admin API."""

    command: Command
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, **request: object) -> tuple[int, Any]:
        """Status and JSON body (text where it is none)."""
        async with self.http.request(method, path, **request) as response:
            text = await response.text()
            return response.status, json.loads(text) if "json" in response.content_type else text

    async def ready(self, wanted: int = 200, timeout_s: float = 10.0) -> None:
        """Wait until `/readyz` answers so."""
        async with asyncio.timeout(timeout_s):
            while (await self.ask("GET", "/readyz"))[0] != wanted:
                await asyncio.sleep(0.005)

    async def follow(self, conversation_id: str) -> tuple[int, Any]:
        """POST a conversation."""
        return await self.ask("POST", "/v1/conversations", json={"conversation_id": conversation_id})

    async def info(self, conversation_id: str) -> dict[str, Any]:
        """One conversation as it stands."""
        status, body = await self.ask("GET", f"/v1/conversations/{conversation_id}")
        assert status == 200, body
        return body

    async def comes_to(self, conversation_id: str, *states: str, timeout_s: float = 20.0) -> dict[str, Any]:
        """Wait until the conversation is in one of these states."""
        info: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                while (info := await self.info(conversation_id))["state"] not in states:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not {states}: {info}\n" + "\n".join(self.command.err)) from None
        return info

    async def metric(self, name: str, **labels: str) -> float:
        """Sum over the samples of this name that have these labels."""
        _, text = await self.ask("GET", "/metrics")
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.partition("{")[0].partition(" ")[0] == name
            and all(f'{key}="{value}"' in line for key, value in labels.items())
        )

    async def settled(self, timeout_s: float = 60.0) -> None:
        """Wait until all audio that came has been heard, and every command delivered."""
        async with asyncio.timeout(timeout_s):
            while await self.metric("cueline_queue_depth_frames") or await self.metric("cueline_outbox_pending"):
                await asyncio.sleep(0.02)

    @property
    def workers(self) -> list[int]:
        """Process ids of the latest generation of each shard."""
        latest = {line["shard"]: line["pid"] for line in self.command.logged("worker up")}
        return [latest[shard] for shard in sorted(latest)]


@contextlib.asynccontextmanager
async def running(
    environment: Environment,
    tmp_path: Path,
    config: str | None = None,
    token: str | None = None,
    before: tuple[str, ...] = (),
) -> AsyncIterator[Running]:
    """`cueline run`, up; with this TOML where one is given, else with nothing but its environment. `token` is the API's."""
    words: tuple[object, ...] = ("run",)
    if config is not None:
        (tmp_path / "cueline.toml").write_text(config)
        words = ("run", "--config", tmp_path / "cueline.toml")
    defaults = {"CUELINE_ADMIN_PORT": "0", "CUELINE_STATE_DIR": str(tmp_path / "var")}
    async with command(*words, environment=defaults | dict(environment), cwd=tmp_path, before=before) as process:
        up = await process.says("cueline is up")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(up["admin"], timeout=timeout, headers=headers) as http:
            engine = Running(process, http)
            await engine.ready()
            yield engine


def delivered(hook: Receiver) -> list[dict[str, Any]]:
    """The data of every event that came, in order."""
    return [orjson.loads(got.body)["data"] for got in hook.received]


def heard_in(hook: Receiver, conversation_id: str) -> list[tuple[str, int]]:
    """Phrases delivered for one conversation, and their ends in ms, in the order of the audio."""
    found = [
        (data["phrase"], data["phrase_end_ms"])
        for data in delivered(hook)
        if data["conversation_id"] == conversation_id
    ]
    return sorted(found, key=lambda pair: pair[1])


def assert_heard(found: list[tuple[str, int]], said: list[tuple[str, int]], slack_ms: float = 0) -> None:
    """Each phrase once, nothing else, and each near its place; a gap may move what follows it by `slack_ms`."""
    assert [phrase for phrase, _ in found] == [phrase for phrase, _ in said], (found, said)
    for (phrase, found_ms), (_, said_ms) in zip(found, said, strict=True):
        assert -EARLY_MS - slack_ms <= found_ms - said_ms <= LATE_MS + slack_ms, (phrase, found_ms, said_ms)


async def hears(
    engine: Running, hook: Receiver, conversation_id: str, said: list[tuple[str, int]], slack_ms: float = 0
) -> None:
    """`assert_heard` for a conversation that has ended, once the workers are through with its audio."""
    await engine.settled()
    with contextlib.suppress(TimeoutError):
        await until(lambda: len(heard_in(hook, conversation_id)) >= len(said), 5)
    assert_heard(heard_in(hook, conversation_id), said, slack_ms)


def short_speech(folder: Path, lengths_ms: dict[int, int], default_ms: int) -> Path:
    """The demo's recordings cut short, with their manifest: what is said after the cut is not said."""
    calls = []
    for number, call in enumerate(MANIFEST, start=1):
        end_ms = lengths_ms.get(number, default_ms)
        with wave.open(str(SPEECH / call["file"])) as whole, wave.open(str(folder / call["file"]), "wb") as cut:
            cut.setparams(whole.getparams())
            cut.writeframes(whole.readframes(end_ms * 8))
        calls.append({"file": call["file"], "said": [said for said in call["said"] if said["end_ms"] <= end_ms]})
    (folder / "manifest.json").write_text(json.dumps({"calls": calls}))
    return folder
