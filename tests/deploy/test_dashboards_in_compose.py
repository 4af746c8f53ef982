"""The composition shows the dashboards: what is mounted is there, and what one part calls the other is its name."""

from urllib.parse import urlsplit

import pytest

from tests.support.deployed import DEPLOY, ROOT, compose_services, read

DASHBOARDS = ROOT / "dashboards"


def mounts(service):
    """Target in the container → path here, of what lies in this repository."""
    parts = [volume.split(":") for volume in compose_services()[service]["volumes"]]
    return {target: (DEPLOY / source).resolve() for source, target, *_ in parts if source.startswith(".")}


@pytest.mark.parametrize("service", ["secrets", "cueline", "prometheus", "grafana"])
def test_what_is_mounted_is_there(service):
    assert mounts(service)
    for target, path in mounts(service).items():
        assert path.exists(), target


def test_prometheus_finds_the_engine_and_the_rules():
    (config,) = (path for target, path in mounts("prometheus").items() if target.endswith("prometheus.yml"))
    told = read(config)
    (job,) = told["scrape_configs"]
    (addresses,) = job["static_configs"]
    name, _, port = addresses["targets"][0].partition(":")
    assert port == compose_services()[name]["environment"]["CUELINE_ADMIN_PORT"]
    for file in told["rule_files"]:
        assert f"/etc/prometheus/{file}" in mounts("prometheus")


def test_grafana_finds_prometheus_and_the_dashboards():
    folder = mounts("grafana")["/etc/grafana/provisioning/datasources"]
    (source,) = (source for file in folder.iterdir() for source in read(file)["datasources"])
    url = urlsplit(source["url"])
    assert url.hostname in compose_services()
    assert f"127.0.0.1:{url.port}:{url.port}" in compose_services()[url.hostname]["ports"]
    folder = mounts("grafana")["/etc/grafana/provisioning/dashboards"]
    (provider,) = (provider for file in folder.iterdir() for provider in read(file)["providers"])
    shown = mounts("grafana")[provider["options"]["path"]]
    assert {"overview.json", "shards.json", "commands.json"} <= {file.name for file in shown.iterdir()}
    home = compose_services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/overview.json"


def test_whoever_calls_a_service_shares_a_network_with_it():
    for name, service in compose_services().items():
        assert service.get("networks", []) == ([] if name == "secrets" else ["cueline"]), name
