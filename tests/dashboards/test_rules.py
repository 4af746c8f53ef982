"""Rules, their own tests, and the runbook: each alert fires where it should and not beside it, and leads to its heading."""

import re
import subprocess

import pytest
import yaml

from engine.config_layers import ENVIRONMENT, SECRETS
from engine.options import EngineOptions, OutboxOptions, WebhookSink
from tests.support.engine import ROOT
from tests.support.programs import program
from tests.test_docs import anchors

RULES = ROOT / "dashboards/cueline.rules.yaml"
CASES = sorted((ROOT / "tests/dashboards").glob("*.test.yaml"))
OF_ALL_NODES = {"CuelineFleetOffersWait", "CuelineFleetWithoutLeader"}  # no engine is to be named
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ALERTS = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def looked_at() -> list[tuple[str, bool]]:
    """Alert and whether it fires, for every moment that a case looks at."""
    cases = [case for file in CASES for case in yaml.safe_load(file.read_text())["tests"]]
    return [(test["alertname"], bool(test["exp_alerts"])) for case in cases for test in case["alert_rule_test"]]


def section(alert: str) -> str:
    """The runbook's words on one alert."""
    return RUNBOOK.split(f"\n## {alert}\n")[1].split("\n## ")[0]


def promtool(*words: object) -> str:
    """What it says; fails where it is not content."""
    done = subprocess.run(
        [program("promtool"), *map(str, words)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_promtool_takes_the_rules():
    assert f"{len(ALERTS) + 5} rules found" in promtool("check", "rules", RULES)


def test_promtool_takes_the_configuration():
    assert "1 rule files found" in promtool("check", "config", ROOT / "dashboards/prometheus.yaml")


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.name)
def test_the_rules_own_tests_pass(file):
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_fires_in_one_case_and_not_in_another(alert):
    assert {fires for name, fires in looked_at() if name == alert} == {True, False}


def test_no_case_is_of_an_alert_that_is_gone():
    assert {name for name, _ in looked_at()} == set(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_what_a_person_needs(alert):
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert ("$labels.instance" in rule["annotations"]["summary"]) is (alert not in OF_ALL_NODES)
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{alert.lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_has_its_heading_with_symptom_look_and_do(alert):
    assert alert.lower() in anchors(RUNBOOK)
    assert re.findall(r"^\*\*(.+?)\.\*\*", section(alert), re.MULTILINE) == ["Symptom", "Look at", "Do"]


def test_the_runbook_has_no_heading_of_an_alert_that_is_gone():
    assert set(re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)) == set(ALERTS)


def test_settings_that_the_runbook_names_exist():
    known = {*ENVIRONMENT, *SECRETS}
    assert set(re.findall(r"`((?:CUELINE|GENESYS)_[A-Z_]+)`", RUNBOOK)) <= known
    for part, name in re.findall(r"`(\w+)\.(\w+)`", RUNBOOK):
        if part in EngineOptions.model_fields:
            assert name in type_of(part).model_fields, (part, name)
    assert {"deadline_s", "concurrency"} <= set(WebhookSink.model_fields)
    assert "capacity" in OutboxOptions.model_fields


def type_of(part: str) -> type:
    """The options object of a part of the configuration."""
    return EngineOptions.model_fields[part].annotation


def test_log_lines_that_the_runbook_quotes_are_written_somewhere():
    source = "".join(file.read_text() for file in (ROOT / "engine").rglob("*.py"))
    named = set(re.findall(r"`([A-Za-z][a-z]+ [^`]+)`", RUNBOOK))
    quoted = {
        line for line in named if not line.startswith(("cueline ", "systemctl", "docker", "kubectl", "curl", "dmesg"))
    }
    assert len(quoted) > 8
    assert {line for line in quoted if line not in source and not line.startswith(("DELETE", "POST"))} == set()
