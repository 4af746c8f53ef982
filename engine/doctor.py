"""Can Cueline run here? Each check says what was found and what to do about it; none changes anything.

The platform is asked through an awaitable that the caller passes in, so that nothing here imports the SDK.
"""

import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from engine.admin.server import ADDRESS
from engine.admin.tls import server_context
from engine.config import LocalOptions, load, load_local
from engine.doctor_audiohook import check_audiohook
from engine.doctor_checks import IN_USE, Check, check_address
from engine.doctor_effects import check_state, check_traces, check_webhooks
from engine.doctor_fleet import check_fleet, check_redis_sinks
from engine.doctor_machine import survey_machine
from engine.doctor_platform import ObtainToken, check_credentials
from engine.doctor_running import health_at, judge_health
from engine.errors import ConfigError, ModelError
from engine.model_manifest import tree_bytes
from engine.options import AdminOptions
from engine.speech.model import validate_model
from engine.state_file import is_held

LIBRARIES = ("vosk", "webrtcvad-wheels", "PureCloudPlatformClientV2", "websockets", "aiohttp", "uvloop", "numpy")


async def examine(
    config_file: Path | None, environ: Mapping[str, str], obtain_token: ObtainToken | None = None, calls: int = 60
) -> list[Check]:
    """All checks, for so many calls at once. Never raises for what it finds."""
    checks = [check_python(sys.version_info[:2]), *map(check_library, LIBRARIES)]
    try:
        local = load_local(config_file, environ)
    except ConfigError as error:
        return [*checks, _configuration(error.faults)]
    checks += survey(local, calls)
    try:
        options = load(config_file, environ)
    except ConfigError as error:
        return [*checks, _configuration(error.faults, without_platform=not local.audiohook.keys)]
    checks.append(Check("configuration", "ok", "no faults"))
    checks += [*await check_webhooks(options.sinks), *check_traces(options.telemetry)]
    checks += [*await check_fleet(options.fleet), *await check_redis_sinks(options.sinks)]
    return [*checks, await check_credentials(options.genesys, options.sinks, obtain_token)]


def survey(local: LocalOptions, calls: int) -> list[Check]:
    """The checks that need no platform."""
    running = is_held(local.state_dir)
    return [
        check_model(local.speech.model_path),
        *survey_machine(local.speech.model_path, local.shards, calls),
        check_state(local.state_dir, running=running),
        check_admin(local.admin, running=running),
        *check_audiohook(local.audiohook, datetime.now(UTC), running=running),
    ]


def check_python(version: tuple[int, ...]) -> Check:
    """3.11 or later, CPython on Linux or macOS."""
    found = f"{platform.python_implementation()} {'.'.join(map(str, version))} on {sys.platform}"
    return (
        Check("python", "ok", found) if version >= (3, 11) else Check("python", "fail", found, "install Python ≥ 3.11")
    )


def check_library(name: str) -> Check:
    """Whether a distribution is installed."""
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "fail", "not installed", "install Cueline again (pip install cueline, or make)")


def check_model(path: Path) -> Check:
    """Whether the model is whole."""
    try:
        validate_model(path)
    except ModelError as error:
        return Check(
            "model", "fail", str(error), "cueline models verify PATH; unset VOSK_MODEL_PATH for the one inside"
        )
    return Check("model", "ok", f"{path} ({tree_bytes(path) / 1e6:.0f} MB)")


def check_admin(options: AdminOptions, *, running: bool = False) -> Check:
    """Whether the admin API could listen, with its certificate, and whether its token would be heard on the way.

    `running`: a Cueline runs with the same state folder, and may well have the address.
    """
    try:
        context = server_context(options)
    except ConfigError as error:
        return Check("admin address", "fail", "TLS", "\n".join(error.faults))
    check = check_address("admin address", ADDRESS, options.host, options.port, running=running)
    if IN_USE in check.found and context is None:
        health = health_at(options)
        if health == "another":
            return check_address("admin address", ADDRESS, options.host, options.port)
        check = judge_health(check, health)
    if check.verdict == "ok" and context is None and not options.on_loopback:
        advice = "set CUELINE_ADMIN_TLS_CERT and CUELINE_ADMIN_TLS_KEY: the token crosses the network in clear"
        return Check(check.name, "warn", check.found, advice)
    return check


def _configuration(faults: list[str], *, without_platform: bool = False) -> Check:
    """A configuration that would stop the start; missing credentials alone stop only `cueline run`."""
    if without_platform and all(
        fault.startswith(("GENESYS_CLIENT_ID: not set", "GENESYS_CLIENT_SECRET: not set")) for fault in faults
    ):
        advice = (
            "set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET, or CUELINE_AUDIOHOOK_API_KEY where calls come by AudioHook; "
            "demo, simulate and listen need none"
        )
        return Check("credentials", "warn", "not set", advice)
    return Check("configuration", "fail", "\n".join(faults), "put these right; cueline.toml shows every setting")
