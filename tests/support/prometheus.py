"""A real Prometheus on loopback: started on a free port with its data in a folder that goes, asked over its HTTP API.

`Grafana` puts values where Grafana would: variables, the windows of rates, the time shown.
"""

import asyncio
import contextlib
import math
import re
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.support.programs import program

LISTENS = re.compile(r'msg="Listening on" address=(\S+)')
START_S = 30.0
# What stands for Grafana's variables: as with a scrape a second and a picture of the last minute.
VALUES = {"$__rate_interval": "20s", "$__interval": "5s", "$__range": "60s", "$instance": ".*", "$shard": ".*"}


def filled(expression: str) -> str:
    """An expression of a panel as Prometheus gets it."""
    for name, value in VALUES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


@dataclass
class Prometheus:
    """A running one."""

    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    async def ask(self, path: str, **parameters: object) -> Any:
        """The `data` of an answer; AssertionError with Prometheus' own words where it is none."""
        sent = {name: str(value) for name, value in parameters.items()}
        async with self.http.post(f"/api/v1/{path}", data=sent) as response:
            body = await response.json()
        assert body["status"] == "success", (parameters, body)
        return body["data"]

    async def instant(self, expression: str) -> list[float]:
        """The values now, one of each series."""
        found = await self.ask("query", query=expression)
        return [float(series["value"][1]) for series in found["result"]]

    async def series(self, expression: str, back_s: float = 20.0) -> list[list[float]]:
        """The values of each series over the last seconds, one a second; those that are no numbers are left out."""
        now = time.time()
        found = await self.ask("query_range", query=expression, start=now - back_s, end=now, step=1)
        values = [[float(value) for _, value in series["values"]] for series in found["result"]]
        return [[value for value in each if not math.isnan(value)] for each in values]

    async def rules(self) -> dict[str, dict[str, Any]]:
        """Every rule by its name; `health` is ok once it was evaluated without an error."""
        async with self.http.get("/api/v1/rules") as response:
            groups = (await response.json())["data"]["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}


def configuration(shipped: Path, folder: Path, target: str) -> Path:
    """The shipped configuration for this target, with a scrape a second."""
    wanted = yaml.safe_load(shipped.read_text())
    wanted["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    wanted["rule_files"] = [str(shipped.parent / name) for name in wanted["rule_files"]]
    wanted["scrape_configs"][0]["static_configs"] = [{"targets": [target]}]
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(wanted))
    return file


@contextlib.asynccontextmanager
async def prometheus(config: Path, folder: Path) -> AsyncIterator[Prometheus]:
    """Started, and ended with the block."""
    process = await asyncio.create_subprocess_exec(
        *(program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"),
        *("--web.listen-address=127.0.0.1:0", "--log.level=info"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    reading = None
    try:
        address, said = None, []
        async with asyncio.timeout(START_S):
            async for line in process.stderr:
                said.append(line.decode())
                if found := LISTENS.search(said[-1]):
                    address = found[1]
                    break
        assert address, "".join(said)
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        async with aiohttp.ClientSession(f"http://{address}", timeout=aiohttp.ClientTimeout(total=20)) as http:
            await _ready(http)
            yield Prometheus(process, http)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        if reading:
            await reading


async def _ready(http: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(START_S):
        while True:
            async with http.get("/-/ready") as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.05)
