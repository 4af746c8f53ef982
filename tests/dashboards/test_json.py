"""The dashboards' files as Grafana will read them: schema, and what a schema can't say. No Prometheus is needed."""

import json
import re
from itertools import combinations, pairwise

import pytest
import yaml
from jsonschema import Draft202012Validator

from engine.metrics import Metrics
from tests.support.engine import ROOT
from tools.dashboards.write import texts

FOLDER = ROOT / "dashboards"
NAMES = ("overview", "shards", "commands", "fleet")
BOARDS = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in NAMES}
SCHEMA = json.loads((ROOT / "tests/dashboards/dashboard.schema.json").read_text())
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"] if panel["type"] != "row"]
TARGETS = [(f"{name}: {panel['title']}", panel, target) for name, panel in PANELS for target in panel["targets"]]
RULES = yaml.safe_load((FOLDER / "cueline.rules.yaml").read_text())
RECORDED = {rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule}
OF_PROMETHEUS = {"up", "ALERTS"}
WORDS = re.compile(
    r"\b(?:sum|max|min|count|rate|increase|histogram_quantile|clamp_min|max_over_time|label_replace|vector|by|on|or)\b"
)
each_panel = pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=[f"{name}/{panel['title']}" for name, panel in PANELS]
)
each_board = pytest.mark.parametrize("name", NAMES)


def metrics_of(expression: str) -> set[str]:
    """Names of the series that an expression selects."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\bby \([^)]*\)|\b[\d.][\de.-]*', "", expression)
    bare = re.sub(r"\{[^}]*\}", "", bare)
    return set(re.findall(r"[a-zA-Z_][\w:]*", WORDS.sub("", bare)))


def exposed() -> set[str]:
    """Names of all series of an engine."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", Metrics().exposition().decode(), re.MULTILINE))
    histograms = [name for name, kind in kinds.items() if kind == "histogram"]
    return set(kinds) | {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}


def test_the_files_are_those_of_the_tables():
    assert texts() == {f"{name}.json": (FOLDER / f"{name}.json").read_text() for name in NAMES}, "run make dashboards"
    assert {file.stem for file in FOLDER.glob("*.json")} == set(NAMES)


@each_board
def test_the_schema_holds(name):
    assert [error.message for error in Draft202012Validator(SCHEMA).iter_errors(BOARDS[name])] == []


def test_uids_never_change():
    assert {board["uid"] for board in BOARDS.values()} == {f"cueline-{name}" for name in NAMES}


@each_board
def test_pages_lead_to_each_other(name):
    others = {f"/d/{board['uid']}" for other, board in BOARDS.items() if other != name}
    assert {link["url"] for link in BOARDS[name]["links"]} == others


@each_board
def test_panels_have_ids_of_their_own_and_do_not_overlap(name):
    panels = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert panels[0]["type"] == "row"
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


@each_panel
def test_thresholds_rise_and_queries_are_told_apart(name, panel):
    values = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
    assert all(low <= high for low, high in pairwise(values))
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)
    if len(panel["targets"]) > 1:
        assert len({target["legendFormat"] for target in panel["targets"]}) == len(refs)


@each_panel
def test_titles_are_unique_on_their_page_and_descriptions_say_something(name, panel):
    assert sum(other["title"] == panel["title"] for where, other in PANELS if where == name) == 1
    assert panel["description"].endswith((".", "?"))


@pytest.mark.parametrize(("title", "panel", "target"), TARGETS, ids=[title for title, _, _ in TARGETS])
def test_an_expression_asks_for_what_there_is(title, panel, target):
    expression = target["expr"]
    assert metrics_of(expression)
    assert metrics_of(expression) <= exposed() | RECORDED | OF_PROMETHEUS
    for window in re.findall(r"\[([^\]]*)\]", expression):
        assert window in ("$__rate_interval", "$__range", "$__interval")
    assert ("[$__interval]" in expression) <= ("max_over_time" in expression)  # a rate needs two scrapes
    assert ("[$__range]" in expression) <= (panel["type"] == "stat")
    for labels in re.findall(r"\{([^}]*)\}", expression):
        assert 'instance=~"$instance"' in labels or "alertname" in labels
    assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= set(re.findall(r"\w+", expression))


@each_panel
def test_alerts_that_are_named_exist(name, panel):
    alerts = {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
    assert set(re.findall(r"Cueline[A-Z]\w+", panel["description"])) <= alerts


def test_grafana_and_prometheus_agree_on_the_scrape_interval():
    source = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    scrape = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    assert scrape["global"]["evaluation_interval"] == scrape["global"]["scrape_interval"]
    assert source["type"] == "prometheus"
    assert scrape["rule_files"] == ["cueline.rules.yaml"]
    assert [job["job_name"] for job in scrape["scrape_configs"]] == ["cueline"]


def test_the_provider_reads_a_folder():
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/cueline.yaml").read_text())["providers"][0]
    assert (provider["type"], provider["options"]["path"]) == ("file", "/var/lib/grafana/dashboards")


def test_what_is_quiet_has_series_too():
    lines = Metrics().exposition().decode().splitlines()
    for name in ("cueline_reconnects_waiting", "cueline_outbox_pending", "cueline_token_renewals_failed_total"):
        assert f"{name} 0.0" in lines
