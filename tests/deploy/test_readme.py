"""deploy/README.md says what is: names, files, figures, commands."""

import re
import shlex

import pytest

from engine.config_layers import SECRETS
from tests.deploy.test_settings import KNOWN
from tests.support.deployed import DEPLOY, ROOT, compose_services, stateful_set, unit_settings
from tools.validate_deploy import EXPOSURE, RELEASES

README = (DEPLOY / "README.md").read_text()


def test_every_setting_exists_and_every_secrets_file_is_named():
    named = set(re.findall(r"\b(?:CUELINE|GENESYS)_[A-Z_]+\b", README))
    assert named <= KNOWN
    assert {f"{name}_FILE" for name in SECRETS} <= named


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"(?:deploy|tools|tests)/[\w./-]*\w", README)) - {"deploy/kubernetes/overlays/mine"})
)
def test_files_that_are_named_exist(path):
    assert (ROOT / path).exists()


def test_drop_ins_and_addresses_are_those_that_are_there():
    drop_ins = {file.name for file in (DEPLOY / "systemd/cueline.service.d").iterdir()}
    assert set(re.findall(r"`(\w+\.conf)`", README)) == drop_ins
    published = {
        port.rpartition(":")[0] for service in compose_services().values() for port in service.get("ports", [])
    }
    assert set(re.findall(r"127\.0\.0\.1:\d+", README)) == published


def test_the_figures_are_the_ones_in_force():
    unit = dict(unit_settings())
    assert f"without one for {unit['WatchdogSec']} s" in README
    assert f"a sign of life every {int(unit['WatchdogSec']) // 2} s" in README
    assert f"within {stateful_set()['spec']['template']['spec']['terminationGracePeriodSeconds']} of grace" in README
    assert f"(at most {EXPOSURE})" in README
    assert all(release.removesuffix(".0") in README for release in RELEASES)


def test_commands_of_the_cluster_make_the_secret_that_is_mounted():
    (line,) = re.findall(r"kubectl -n cueline create secret generic (.*\\\n.*)", README)
    name, *files = shlex.split(line.replace("\\\n", " "))
    pod = stateful_set()["spec"]["template"]["spec"]
    assert name in {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    given = {file.removeprefix("--from-file=") for file in files}
    asked = {pair["value"].rpartition("/")[2] for pair in pod["containers"][0]["env"]}
    assert asked <= given
