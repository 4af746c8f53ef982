"""Check what lies in deploy/ with the tools that know its formats; one line per gate, 1 where one is red. `make validate`.

hadolint for the Dockerfile, the Compose specification's schema, Kubernetes' schemas (oldest and newest release that we mean),
systemd's own judgement of the unit and of how far it is locked in. kubectl renders the overlay where it is installed. In CI
(`CI` is set) a missing program is a fault, kubectl excepted: Debian has none that is young enough.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
BIN = Path(sys.executable).parent
RELEASES = ("1.30.0", "1.37.0")
EXPOSURE = 2.0  # of systemd's 0 (locked in) to 10
INSTALLED = "/opt/cueline/bin/cueline"
PLAIN = (
    "kustomization.yaml",
    "prometheus-adapter.yaml",
    "scaledobject.yaml",
)  # no resources that Kubernetes has schemas for


@dataclass(frozen=True)
class Verdict:
    """What a gate said; `passed` None: it could not be asked."""

    passed: bool | None
    said: str = ""


def run(*words: object, **environment: str) -> Verdict:
    """Run a tool; it passes with exit code 0."""
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, check=False, env=os.environ | environment
    )
    return Verdict(done.returncode == 0, (done.stdout + done.stderr).strip())


def dockerfile(deploy: Path) -> Verdict:
    """hadolint, every warning counts."""
    return run(BIN / "hadolint", "--failure-threshold", "style", deploy / "Dockerfile")


def compose(deploy: Path) -> Verdict:
    """The Compose specification's schema."""
    return run(
        BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", *sorted(deploy.glob("compose*.yaml"))
    )


def kubernetes(deploy: Path) -> Verdict:
    """Every resource by itself; patches of overlays are no whole resources."""
    folder = deploy / "kubernetes"
    files = [
        file
        for part in ("base", "components")
        for file in sorted((folder / part).rglob("*.yaml"))
        if file.name not in PLAIN
    ]
    return _by_schema(files)


def rendered(deploy: Path) -> Verdict:
    """Each overlay as `kubectl apply -k` would send it."""
    if shutil.which("kubectl") is None:
        return Verdict(None, "kubectl is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        files = []
        for overlay in sorted((deploy / "kubernetes/overlays").iterdir()):
            told = subprocess.run(["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False)
            if told.returncode:
                return Verdict(False, told.stderr)
            files.append(Path(scratch) / f"{overlay.name}.yaml")
            files[-1].write_text(told.stdout)
        return _by_schema(files)


def _by_schema(files: list[Path]) -> Verdict:
    for release in RELEASES:
        verdict = run(BIN / "kubernetes-validate", "--strict", "--kubernetes-version", release, *files)
        if not verdict.passed or "WARN" in verdict.said:
            return Verdict(False, verdict.said)
    return Verdict(True)


def unit(deploy: Path) -> Verdict:
    """`systemd-analyze verify`, with every drop-in. What it would ignore counts, although it calls that a success."""
    return _of_systemd(deploy, _verify)


def _verify(folder: Path) -> Verdict:
    told = run("systemd-analyze", "verify", "cueline.service", SYSTEMD_UNIT_PATH=f"{folder}:")
    return Verdict(bool(told.passed) and "cueline.service" not in told.said, told.said)


def exposure(deploy: Path) -> Verdict:
    """`systemd-analyze security`: how much the service could do if somebody took it over."""
    limit = round(EXPOSURE * 10)
    return _of_systemd(
        deploy,
        lambda folder: run(
            "systemd-analyze",
            "security",
            "--offline=true",
            "--no-pager",
            f"--threshold={limit}",
            folder / "cueline.service",
        ),
    )


def _of_systemd(deploy: Path, judge: Callable[[Path], Verdict]) -> Verdict:
    """Judge a copy whose program is one that exists here."""
    if shutil.which("systemd-analyze") is None:
        return Verdict(
            False if os.environ.get("CI") else None, "systemd-analyze is not installed: apt-get install systemd"
        )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "systemd"
        shutil.copytree(deploy / "systemd", folder)
        file = folder / "cueline.service"
        file.write_text(file.read_text().replace(INSTALLED, shutil.which("true") or "/bin/true"))
        return judge(folder)


GATES: dict[str, Callable[[Path], Verdict]] = {
    "hadolint": dockerfile,
    "compose schema": compose,
    "kubernetes schemas": kubernetes,
    "kustomize": rendered,
    "systemd verify": unit,
    "systemd security": exposure,
}


def main() -> int:
    """Ask them all; 1 where one is red."""
    red = False
    for name, gate in GATES.items():
        verdict = gate(DEPLOY)
        red |= verdict.passed is False
        told = {True: "ok", False: "FAILED", None: "not asked"}[verdict.passed]
        print(
            f"{name}: {told}", verdict.said if not verdict.passed else "", sep="\n" if verdict.passed is False else "  "
        )
    return red


if __name__ == "__main__":
    sys.exit(main())
