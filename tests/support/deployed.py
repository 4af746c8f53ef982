"""What lies in deploy/, read for tests: the environment that each way of running gives the engine, with its secrets."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SECRETS_IN = {"compose": "/run/cueline", "kubernetes": "/run/secrets/cueline", "systemd": "%d"}


def read(path: Path) -> Any:
    """One YAML document."""
    return yaml.safe_load(path.read_text())


def compose_services() -> dict[str, Any]:
    """Name → service."""
    return read(DEPLOY / "compose.yaml")["services"]


def stateful_set() -> dict[str, Any]:
    """The base's."""
    return read(KUBERNETES / "base/statefulset.yaml")


def container() -> dict[str, Any]:
    """The only one of its pod."""
    (only,) = stateful_set()["spec"]["template"]["spec"]["containers"]
    return only


def lines_of(path: Path) -> dict[str, str]:
    """An env file of kustomize's."""
    lines = (line for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def compose_environment(*, genesys: bool = False, fleet: bool = False) -> dict[str, str]:
    """The engine's in compose; variables at their defaults, those that must be set made up."""
    environment = dict(compose_services()["cueline"]["environment"])
    if genesys:
        environment |= read(DEPLOY / "compose.genesys.yaml")["services"]["cueline"]["environment"]
    if fleet:
        environment |= read(DEPLOY / "compose.fleet.yaml")["services"]["cueline"]["environment"]
    made_up = {"GENESYS_CLIENT_ID": "an-id", "GENESYS_REGION": "mypurecloud.de"}
    return {name: _filled(str(value), made_up) for name, value in environment.items()}


def _filled(text: str, made_up: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)\}", lambda part: made_up.get(part[1], part[2] or ""), text)


def component_patch(component: str, kind: str) -> list[dict[str, Any]]:
    """What a component of kustomize's does to a resource of the base."""
    patches = read(KUBERNETES / "components" / component / "kustomization.yaml")["patches"]
    (patch,) = (patch["patch"] for patch in patches if patch["target"]["kind"] == kind)
    return yaml.safe_load(patch)  # type: ignore[no-any-return]


def kubernetes_environment(*, overlay: str | None = None, component: str | None = None) -> dict[str, str]:
    """The engine's in a pod of the base, or of an overlay, with a component; what the pod says of itself is `a-pod`."""
    environment = lines_of(KUBERNETES / "base/environment.env")
    pairs = container()["env"]
    if overlay is not None:
        folder = KUBERNETES / "overlays" / overlay
        environment |= lines_of(folder / "environment.env")
        (patched,) = read(folder / "secrets.yaml")["spec"]["template"]["spec"]["containers"]
        pairs = pairs + patched["env"]
    if component is not None:
        pairs = pairs + [operation["value"] for operation in component_patch(component, "StatefulSet")]
    return environment | {pair["name"]: pair.get("value", "a-pod") for pair in pairs}


def unit_settings(*drop_ins: str) -> list[tuple[str, str]]:
    """Directives of the unit and of these drop-ins, in order."""
    files = [DEPLOY / "systemd/cueline.service", *(DEPLOY / f"systemd/cueline.service.d/{name}" for name in drop_ins)]
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [tuple(line.split("=", 1)) for line in lines if "=" in line and not line.startswith("#")]  # type: ignore[misc]


def drop_ins() -> list[str]:
    """All of them."""
    return sorted(file.name for file in (DEPLOY / "systemd/cueline.service.d").iterdir())


def unit_environment(*names: str) -> dict[str, str]:
    """The engine's under systemd, with these drop-ins."""
    values = [value for key, value in unit_settings(*names) if key == "Environment"]
    return dict(pair.split("=", 1) for value in values for pair in value.split())


def seconds(text: str) -> int:
    """`50s` or `330` as a number."""
    return int(text.removesuffix("s"))
