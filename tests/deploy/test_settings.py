"""What deploy/ says of the engine is what the engine knows: names, ports, probes, users, times."""

import re

import pytest

from deploy.make_secrets import make
from engine import config
from engine.admin.guard import PROBES
from engine.admin.server import INDEX
from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, TARGET_KEYWORD, WEBHOOK_SECRET, WEBHOOK_URL
from engine.notify import STOP_MARGIN_S
from tests.support.deployed import (
    DEPLOY,
    KUBERNETES,
    ROOT,
    SECRETS_IN,
    component_patch,
    compose_environment,
    compose_services,
    container,
    drop_ins,
    kubernetes_environment,
    read,
    seconds,
    stateful_set,
    unit_environment,
    unit_settings,
)

KNOWN = {
    *ENVIRONMENT,
    *AUDIOHOOK_KEY,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    TARGET_KEYWORD,
    *(f"{name}_FILE" for name in SECRETS),
}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
WAYS = {
    "compose": (compose_environment, {}, DEPLOY / "cueline.toml"),
    "compose with genesys": (compose_environment, {"genesys": True}, DEPLOY / "cueline.toml"),
    "compose with fleet": (compose_environment, {"fleet": True}, DEPLOY / "cueline.toml"),
    "kubernetes": (kubernetes_environment, {}, KUBERNETES / "base/cueline.toml"),
    "kubernetes with fleet": (kubernetes_environment, {"component": "fleet"}, KUBERNETES / "base/cueline.toml"),
    "kubernetes example": (
        kubernetes_environment,
        {"overlay": "example"},
        KUBERNETES / "overlays/example/cueline.toml",
    ),
}


def loaded(environment, toml, tmp_path):
    """The engine's options, its secrets being files in a folder of ours."""
    make(tmp_path)
    (tmp_path / "genesys_client_secret").write_text("s3cret\n")
    (tmp_path / "redis_url").write_text("redis://redis:6379/0\n")
    (tmp_path / "redis_password").write_text("open-sesame\n")
    (tmp_path / "webhook_secret").write_text("whsec_" + "QUJD" * 8)
    for name, value in environment.items():
        if name.endswith("_FILE"):
            folder, _, file = value.rpartition("/")
            assert folder in (*SECRETS_IN.values(), "/run/secrets"), value
            environment = environment | {name: str(tmp_path / file)}
    return config.load(toml, environment)


@pytest.mark.parametrize("way", WAYS)
def test_the_engine_takes_what_it_is_given(way, tmp_path):
    environment_of, words, toml = WAYS[way]
    environment = environment_of(**words)
    assert set(environment) <= KNOWN
    options = loaded(environment, toml, tmp_path)
    assert (options.admin.host, options.admin.port) == ("0.0.0.0", 8080)
    assert options.admin.token is not None
    assert options.admin.open_metrics
    assert (options.audiohook.host, options.audiohook.port) == ("0.0.0.0", 8443)
    assert options.audiohook.keys[0].signed
    assert (options.genesys.credentials is not None) is ("genesys" in way or "example" in way)
    assert options.fleet.configured is ("fleet" in way)


def test_the_fleets_redis_keeps_what_it_is_told():
    fleet = read(DEPLOY / "compose.fleet.yaml")
    redis, engine = fleet["services"]["redis"], fleet["services"]["cueline"]
    words = redis["command"]
    said = dict(zip(words[1::2], words[2::2], strict=True))
    assert (said["--appendonly"], said["--maxmemory-policy"]) == ("yes", "noeviction")
    assert fleet["configs"]["redis_url"]["content"] == "redis://redis:6379/0"
    assert engine["configs"] == [{"source": "redis_url", "target": engine["environment"]["CUELINE_REDIS_URL_FILE"]}]
    assert engine["build"]["args"]["EXTRAS"] == "redis hiredis"
    assert "ports" not in redis
    assert re.fullmatch(r".+:\d+(\.\d+)+", redis["image"])


def test_the_component_fleet_fits_the_base():
    for kind, pointer in (
        ("StatefulSet", "/spec/template/spec/containers/0/env/-"),
        ("NetworkPolicy", "/spec/egress/-"),
    ):
        operations = component_patch("fleet", kind)
        assert {(operation["op"], operation["path"]) for operation in operations} == {("add", pointer)}
    (rule,) = (operation["value"] for operation in component_patch("fleet", "NetworkPolicy"))
    assert rule["ports"] == [{"port": 6379, "protocol": "TCP"}]
    assert isinstance(read(KUBERNETES / "base/networkpolicy.yaml")["spec"]["egress"], list)


def test_the_engine_takes_what_systemd_gives_it(tmp_path):
    environment = unit_environment(*drop_ins())
    assert set(environment) - {"PYTHONDONTWRITEBYTECODE"} <= KNOWN
    assert {f"{name}_FILE" for name in SECRETS} <= set(environment)  # every secret has its drop-in
    here = {"GENESYS_CLIENT_ID": "an-id", WEBHOOK_URL: "https://crm.example/hook"}
    options = loaded(environment | here, None, tmp_path)
    assert options.genesys.credentials is not None
    assert options.audiohook.keys[0].signed
    assert options.admin.token is not None


def test_systemds_credentials_are_loaded_where_they_are_named():
    for name in drop_ins():
        own = unit_settings(name)[len(unit_settings()) :]
        credentials = {value.partition(":")[0] for key, value in own if key == "LoadCredential"}
        named = {value.rpartition("%d/")[2] for key, value in own if key == "Environment"}
        assert credentials == named, name


def test_the_image_knows_our_names_and_nothing_else_of_ours():
    names = set(re.findall(r"\b(?:CUELINE|GENESYS|VOSK|TARGET)_[A-Z_]+", DOCKERFILE))
    assert names == {"CUELINE_STATE_DIR"}
    assert names <= KNOWN


def test_every_image_has_a_version():
    images = [service["image"] for service in compose_services().values() if "image" in service]
    images += [*re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE), container()["image"]]
    assert len(images) >= 6
    for image in images:
        _, _, tag = image.rpartition(":")
        assert re.fullmatch(r"v?\d+(\.\d+)+(-\w+)*", tag), image


def test_the_images_version_is_ours():
    (version,) = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    ours = f"cueline:{version}"
    assert container()["image"] == compose_services()["cueline"]["image"] == ours
    assert f"-t {ours} ." in DOCKERFILE
    (image,) = read(KUBERNETES / "overlays/example/kustomization.yaml")["images"]
    assert image["newTag"] == version


def test_probes_ask_what_exists_and_needs_no_token():
    pod = container()
    asked = {name: pod[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")}
    assert {name: probe["path"] for name, probe in asked.items()} == {
        "startup": "/healthz",
        "readiness": "/readyz",
        "liveness": "/healthz",
    }
    for probe in asked.values():
        assert probe["path"] in PROBES
        assert f"GET    {probe['path']} " in INDEX
        assert probe["port"] == "admin"
    (address,) = re.findall(r"http://127\.0\.0\.1:8080(/\w+)", DOCKERFILE)
    assert address in PROBES


def test_a_model_has_time_to_load():
    probe = container()["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 60
    start = dict(unit_settings())["TimeoutStartSec"]
    assert seconds(start) >= 60
    assert "--start-period=60s" in DOCKERFILE


def test_ports_are_the_same_everywhere():
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    environment = kubernetes_environment()
    assert ports == {"admin": 8080, "audiohook": 8443}
    assert ports == {name: int(environment[f"CUELINE_{name.upper()}_PORT"]) for name in ("admin", "audiohook")}
    assert re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE) == ["8080 8443"]
    for name, target in (("service", "admin"), ("service-audiohook", "audiohook")):
        (port,) = read(KUBERNETES / f"base/{name}.yaml")["spec"]["ports"]
        assert (port["targetPort"], port["port"]) == (target, ports[target])
    policy = read(KUBERNETES / "base/networkpolicy.yaml")["spec"]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == set(ports.values())


def test_on_the_host_everything_listens_on_loopback_only():
    for service in compose_services().values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_a_stop_may_take_as_long_as_the_drain():
    drain_s = seconds(compose_environment()["CUELINE_DRAIN_S"])
    assert seconds(compose_services()["cueline"]["stop_grace_period"]) > drain_s + STOP_MARGIN_S
    pod = stateful_set()["spec"]["template"]["spec"]
    _, pause_s = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    needed_s = seconds(pause_s) + seconds(kubernetes_environment()["CUELINE_DRAIN_S"]) + STOP_MARGIN_S
    assert pod["terminationGracePeriodSeconds"] > needed_s
    assert (
        seconds(dict(unit_settings())["TimeoutStopSec"])
        > config.EngineOptions.model_fields["drain_s"].default + STOP_MARGIN_S
    )


def test_term_goes_to_the_supervisor_alone_and_wrong_settings_are_not_tried_again():
    unit = dict(unit_settings())
    assert (unit["KillMode"], unit["RestartPreventExitStatus"], unit["Type"]) == ("mixed", "2", "notify")
    assert unit["OOMPolicy"] == "continue"


def test_kubernetes_puts_no_addresses_of_services_into_our_environment():
    """For a service `cueline-audiohook` it would set CUELINE_AUDIOHOOK_PORT=tcp://10.0.0.1:8443."""
    assert stateful_set()["spec"]["template"]["spec"]["enableServiceLinks"] is False
    names = [read(KUBERNETES / f"base/{name}.yaml")["metadata"]["name"] for name in ("service", "service-audiohook")]
    assert {name.upper().replace("-", "_") + "_PORT" for name in names} & KNOWN


def test_the_state_lies_on_a_volume_of_one_engine():
    (state,) = re.findall(r"CUELINE_STATE_DIR=(\S+)", DOCKERFILE)
    assert f"VOLUME {state}" in DOCKERFILE
    assert f"state:{state}" in compose_services()["cueline"]["volumes"]
    assert "deploy" not in compose_services()["cueline"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container()["volumeMounts"]}
    assert mounts["state"] == state
    (claim,) = stateful_set()["spec"]["volumeClaimTemplates"]
    assert (claim["metadata"]["name"], claim["spec"]["accessModes"]) == ("state", ["ReadWriteOncePod"])
    unit = dict(unit_settings())
    assert unit_environment()["CUELINE_STATE_DIR"] == f"/var/lib/{unit['StateDirectory']}"


def test_the_user_is_the_same_everywhere_and_not_root():
    (uid,) = set(re.findall(r"--uid (\d+)|^USER (\d+):", DOCKERFILE, re.MULTILINE)[0]) - {""}
    context = stateful_set()["spec"]["template"]["spec"]["securityContext"]
    assert str(context["runAsUser"]) == uid == str(context["fsGroup"])
    assert f"USER {uid}:{uid}" in DOCKERFILE
    assert context["runAsNonRoot"] is True


def test_nobody_may_write_but_to_volumes():
    for name, service in compose_services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
    assert container()["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize("overlay", [None, "example"])
def test_there_are_as_many_shards_as_processors_asked_for(overlay):
    resources = container()["resources"]
    if overlay:
        (patched,) = read(KUBERNETES / f"overlays/{overlay}/size.yaml")["spec"]["template"]["spec"]["containers"]
        resources = patched["resources"]
    assert kubernetes_environment(overlay=overlay)["CUELINE_SHARDS"] == resources["requests"]["cpu"]


def test_no_secret_lies_here():
    for file in DEPLOY.rglob("*"):
        if file.is_file() and file.suffix in (".yaml", ".env", ".toml", ".service", ".conf"):
            for name in SECRETS:
                assert not re.search(
                    rf"^\s*(?:Environment=)?{name}\s*[:=](?!\"\$\$\(cat )", file.read_text(), re.MULTILINE
                ), (
                    file,
                    name,
                )
    assert not list(KUBERNETES.rglob("secret.yaml"))


def test_what_the_image_copies_is_there():
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = line.split()
        for source in sources:
            assert (ROOT / source).exists(), source
            assert f"!{source.partition('/')[0]}" in ignored, source
    assert "!tools/lock_part.py" in ignored
