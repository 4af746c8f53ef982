"""A real Prometheus scrapes a running engine with calls of both sources: every expression that anybody sees is run, and answers.

One run for all of it, about a minute: what is waited for is that phrases were spotted and their commands delivered.
"""

import asyncio
import json
import os
import re
import signal
import subprocess
from types import SimpleNamespace

import pytest
import pytest_asyncio
import yaml

from engine.metrics import CONTENT_TYPE
from tests.support.commands import receiver
from tests.support.engine import ROOT, command
from tests.support.following import running, simulator
from tests.support.hooked import ENVIRONMENT as HOOK
from tests.support.programs import program
from tests.support.prometheus import configuration, filled, prometheus
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

FOLDER = ROOT / "dashboards"
PHRASES = "transfer me,cancel my order,stop recording,technical support"
OF_SPEED = (
    "CuelineFramesDropped",
    "CuelineQueueGrowing",
    "CuelineLoopLag",
    "CuelineSpot.+",
)  # this machine may be busy
SCRAPES = 8  # more than the window of rates in use needs
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
RULES = [
    rule for group in yaml.safe_load((FOLDER / "cueline.rules.yaml").read_text())["groups"] for rule in group["rules"]
]
PANELS = [
    (name, panel["title"], target)
    for name, board in DASHBOARDS.items()
    for panel in board["panels"]
    for target in panel.get("targets", ())
]
METRIC = re.compile(r"\b(?:cueline[_:][\w:]+|process_\w+|up)\b(?=[{\[ )]|$)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(tmp_path_factory):
    """Simulators of both kinds, an engine with two shards, a webhook, and Prometheus, once it has seen commands delivered."""
    folder = tmp_path_factory.mktemp("watched")
    program("prometheus")
    async with receiver() as hook, simulator("--calls", 4, "--loop") as cloud:
        settings = cloud.follow(1, 2, 3, 4) | HOOK | {"TARGET_KEYWORD": PHRASES, "CUELINE_WEBHOOK_URL": hook.url}
        async with running(settings | {"CUELINE_SHARDS": "2"}, folder) as engine:
            up = engine.command.logged("cueline is up")[0]
            target = up["admin"].removeprefix("http://")
            words = ("simulate", "audiohook", "--url", up["audiohook"], "--calls", 2, "--loop", "--json")
            async with (
                prometheus(configuration(FOLDER / "prometheus.yaml", folder, target), folder) as asked,
                command(*words, environment=HOOK),
            ):
                async with asyncio.timeout(120):
                    while not await delivered(asked):
                        await asyncio.sleep(0.5)
                await scraped(asked, SCRAPES)
                yield SimpleNamespace(prometheus=asked, engine=engine)


async def delivered(asked) -> bool:
    """Whether Prometheus has seen phrases, delivered commands, and both sources listening."""
    query = (
        'sum(cueline_phrases_spotted_total) > 2 and sum(cueline_commands_total{outcome="delivered"}) > 2'
        ' and sum(cueline_conversations{state="listening", source="audiohook"}) > 0'
        ' and sum(cueline_conversations{state="listening", source="realtime"}) > 0'
    )
    return bool(await asked.instant(query))


async def scraped(asked, more: int) -> None:
    """Wait for so many more scrapes."""
    count = "count_over_time(up[10m])"
    begun = (await asked.instant(count))[0]
    async with asyncio.timeout(60):
        while (await asked.instant(count))[0] < begun + more:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(("board", "title", "target"), PANELS, ids=[f"{b}/{t}/{q['refId']}" for b, t, q in PANELS])
async def test_every_panel_shows_something(watched, board, title, target):
    expression = filled(target["expr"])
    if target["instant"]:
        found = [[value] for value in await watched.prometheus.instant(expression)]
    else:
        found = await watched.prometheus.series(expression)
    assert any(value == value for values in found for value in values), expression


@pytest.mark.parametrize(
    "query",
    sorted({v["definition"] for b in DASHBOARDS.values() for v in b["templating"]["list"] if v["type"] == "query"}),
)
async def test_every_variable_has_values(watched, query):
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
    assert await watched.prometheus.instant(f'count by ({label}) ({metric}{{{label}!=""}})')


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
async def test_every_rule_is_evaluated_and_what_it_looks_at_is_there(watched, rule):
    name = rule.get("alert") or rule["record"]
    seen = (await watched.prometheus.rules())[name]
    assert (seen["health"], seen.get("lastError")) == ("ok", None)
    await watched.prometheus.instant(rule["expr"])
    if "record" in rule:
        assert await watched.prometheus.instant(name)
    for metric in METRIC.findall(rule["expr"]):
        assert await watched.prometheus.instant(f"count({metric})"), metric


async def test_nothing_fires_while_all_is_well(watched):
    firing = f'ALERTS{{alertname=~"Cueline.+", alertname!~"{"|".join(OF_SPEED)}", alertstate="firing"}}'
    assert await watched.prometheus.instant(firing) == []


@pytest.mark.parametrize("name", DASHBOARDS)
async def test_marks_of_alerts_can_be_asked_for(watched, name):
    (marks,) = DASHBOARDS[name]["annotations"]["list"]
    await watched.prometheus.instant(filled(marks["expr"]))


async def test_the_exposition_is_as_prometheus_wants_it(watched):
    async with watched.engine.http.get("/metrics") as response:
        assert response.headers["Content-Type"] == CONTENT_TYPE
        text = await response.read()
    checked = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


async def test_a_shard_that_loses_its_workers_raises_its_alert_and_no_other_shards(watched):
    for _ in range(2):
        killed = watched.engine.workers[0]
        os.kill(killed, signal.SIGKILL)
        await until(lambda killed=killed: watched.engine.workers[0] != killed)
    firing = 'ALERTS{alertname="CuelineShardRestarting", alertstate="firing", shard="%d"}'
    async with asyncio.timeout(30):
        while not await watched.prometheus.instant(firing % 0):
            await asyncio.sleep(0.2)
    assert await watched.prometheus.instant(firing % 1) == []


async def test_prometheus_that_is_killed_is_not_noticed(watched):
    watched.prometheus.process.kill()
    await watched.prometheus.process.wait()
    frames = await watched.engine.metric("cueline_frames_total")
    await watched.engine.ready()
    async with asyncio.timeout(20):
        while await watched.engine.metric("cueline_frames_total") <= frames:
            await asyncio.sleep(0.05)
