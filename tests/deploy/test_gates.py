"""Each gate is green for what lies in deploy/, and red for what is wrong with it."""

import shutil

import pytest

from tests.support.programs import program
from tools.validate_deploy import DEPLOY, GATES, main

SYSTEMD = {"systemd verify", "systemd security"}
WRONG = [
    ("hadolint", "Dockerfile", "FROM python:3.11.14-slim-bookworm\nLABEL", "FROM python:latest\nLABEL"),
    ("hadolint", "Dockerfile", "USER 10001:10001", "RUN cd /tmp"),
    ("compose schema", "compose.yaml", "stop_grace_period: 50s", "stop_grace_perid: 50s"),
    ("compose schema", "compose.genesys.yaml", "secrets: [genesys_client_secret]", "secrets: 7"),
    ("kubernetes schemas", "kubernetes/base/statefulset.yaml", "enableServiceLinks: false", "enableServiceLink: false"),
    ("kubernetes schemas", "kubernetes/base/statefulset.yaml", "replicas: 2", "replicas: two"),
    ("kubernetes schemas", "kubernetes/components/hpa/horizontalpodautoscaler.yaml", "maxReplicas: 10", "minimum: 1"),
    ("kustomize", "kubernetes/overlays/example/kustomization.yaml", "path: size.yaml", "path: no-such.yaml"),
    ("kustomize", "kubernetes/overlays/example/size.yaml", "requests:", "request:"),
    ("systemd verify", "systemd/cueline.service", "Type=notify", "Type=notifyy"),
    ("systemd verify", "systemd/cueline.service.d/webhook.conf", "Environment=CUELINE", "LoadCredential=relative"),
    ("systemd security", "systemd/cueline.service", "SystemCallFilter=", "#SystemCallFilter="),
]


@pytest.fixture(autouse=True)
def tools(request):
    """systemd's where the gate needs them; kubectl nobody has to have."""
    gate = request.node.callspec.params.get("gate") if hasattr(request.node, "callspec") else None
    if gate in SYSTEMD:
        program("systemd-analyze")
    if gate == "kustomize" and shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")


@pytest.mark.parametrize("gate", GATES)
def test_what_lies_here_passes(gate):
    verdict = GATES[gate](DEPLOY)
    assert verdict.passed, verdict.said


@pytest.mark.parametrize(("gate", "file", "right", "wrong"), WRONG)
def test_a_gate_can_be_red(gate, file, right, wrong, tmp_path):
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy)
    text = (copy / file).read_text()
    assert right in text
    (copy / file).write_text(text.replace(right, wrong))
    verdict = GATES[gate](copy)
    assert verdict.passed is False, verdict.said


def test_all_of_them_are_asked_and_told(capsys):
    program("systemd-analyze")
    assert main() == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in told] == list(GATES)


def test_in_ci_a_missing_tool_is_a_fault_and_elsewhere_it_is_said(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("CI", raising=False)
    assert GATES["systemd verify"](DEPLOY).passed is None
    assert GATES["kustomize"](DEPLOY).passed is None
    monkeypatch.setenv("CI", "true")
    assert GATES["systemd verify"](DEPLOY).passed is False
    assert GATES["kustomize"](DEPLOY).passed is None
