"""Can Cueline run here? Each check says what was found and what to do about it; none changes anything.

Facts of the machine are measured in `survey`, judged by functions of plain values. The platform is asked through an
awaitable that the caller passes in, so that nothing here imports the SDK.
"""

import asyncio
import os
import platform
import resource
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from engine.admin.server import ADDRESS
from engine.admin.tls import server_context
from engine.cgroup import ROOT, memory_limit_bytes, own_membership, processors
from engine.config import LocalOptions, load, load_local
from engine.doctor_audiohook import check_audiohook
from engine.doctor_checks import Check, check_address
from engine.errors import ConfigError, ModelError, PlatformError
from engine.model_manifest import tree_bytes
from engine.open_files import OpenFiles, files_for
from engine.options import AdminOptions, GenesysOptions, ShardOptions, public_url
from engine.speech.model import validate_model

ObtainToken = Callable[[GenesysOptions], Awaitable[None]]  # raises PlatformError

LIBRARIES = ("vosk", "webrtcvad-wheels", "PureCloudPlatformClientV2", "websockets", "aiohttp", "uvloop", "numpy")
TOKEN_TIMEOUT_S = 20.0
SUPERVISOR_MB, WORKER_MB, MODEL_FACTOR = 250, 60, 3  # a loaded model takes about three times its files
FRAME_BYTES = 320 + 8  # audio, and the time it arrived


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
        genesys = load(config_file, environ).genesys
    except ConfigError as error:
        return [*checks, _configuration(error.faults, without_platform=not local.audiohook.keys)]
    return [*checks, Check("configuration", "ok", "no faults"), await check_credentials(genesys, obtain_token)]


def survey(local: LocalOptions, calls: int) -> list[Check]:
    """The checks that need no platform."""
    shards = local.shards
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return [
        check_model(local.speech.model_path),
        check_processors(processors(), shards.count),
        check_memory(available_bytes(), local.speech.model_path, shards, calls),
        check_files(soft, hard, calls),
        check_shared_memory(shards),
        check_admin(local.admin),
        *check_audiohook(local.audiohook, datetime.now(UTC)),
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


def check_processors(count: int, shards: int) -> Check:
    """A shard for each processor, no more."""
    found = f"{count} available, {shards} shards"
    if shards > count:
        return Check(
            "processors", "warn", found, f"set CUELINE_SHARDS to {count}: more shards than processors only cost"
        )
    return Check("processors", "ok", found)


def available_bytes(root: Path = ROOT, membership: str | None = None) -> int:
    """Memory that can be had: what the kernel calls available, cut to the control group's limit."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    limit = memory_limit_bytes(root, own_membership() if membership is None else membership)
    return free if limit is None else min(free, limit)


def check_memory(available: int, model_path: Path, shards: ShardOptions, calls: int) -> Check:
    """Supervisor, one shared model, workers, the rings that so many calls use; an estimate."""
    model_mb = MODEL_FACTOR * tree_bytes(model_path) / 1e6 if model_path.is_dir() else 0
    needed = SUPERVISOR_MB + model_mb + shards.count * WORKER_MB + _rings_bytes(shards, calls) / 1e6
    found = f"{available / 1e6:.0f} MB available, about {needed:.0f} MB needed"
    if available < needed * 1e6:
        return Check("memory", "warn", found, "give it more memory, fewer shards or a smaller model")
    return Check("memory", "ok", found)


def check_files(soft: int, hard: int, calls: int) -> Check:
    """Open files for so many calls; `cueline run` raises its own limit to the hard one."""
    needed = files_for(calls)
    found = f"limit {'none' if hard == resource.RLIM_INFINITY else hard}, {needed} needed for {calls} calls"
    if soft != hard:
        found += f" (now {soft}, raised at the start)"
    if hard == resource.RLIM_INFINITY or hard >= needed:
        return Check("open files", "ok", found)
    fit = OpenFiles(hard).calls
    return Check("open files", "fail", found, f"raise the hard limit (ulimit -Hn {needed}); {fit} calls fit now")


def check_shared_memory(shards: ShardOptions) -> Check:
    """Whether rings can lie in nameless memory files, which need no room in /dev/shm."""
    found = f"up to {_rings_bytes(shards) / 1e6:.0f} MB for the rings, as they are used"
    try:
        os.close(os.memfd_create("cueline-doctor"))
    except (AttributeError, OSError) as error:
        return Check("shared memory", "warn", f"{found}; no memory files ({error})", "rings go to the temporary folder")
    return Check("shared memory", "ok", f"{found}, in memory files")


def check_admin(options: AdminOptions) -> Check:
    """Whether the admin API could listen, with its certificate, and whether its token would be heard on the way."""
    try:
        context = server_context(options)
    except ConfigError as error:
        return Check("admin address", "fail", "TLS", "\n".join(error.faults))
    check = check_address("admin address", ADDRESS, options.host, options.port)
    if check.verdict == "ok" and context is None and not options.on_loopback:
        advice = "set CUELINE_ADMIN_TLS_CERT and CUELINE_ADMIN_TLS_KEY: the token crosses the network in clear"
        return Check(check.name, "warn", check.found, advice)
    return check


async def check_credentials(genesys: GenesysOptions, obtain_token: ObtainToken | None) -> Check:
    """Whether a token can be had with them."""
    if genesys.credentials is None:
        return Check("credentials", "ok", "not set, not needed: calls come by AudioHook, and no sink acts on them")
    where = public_url(genesys.login_url)
    if obtain_token is None:
        return Check("credentials", "ok", f"set for {where}, not tried")
    try:
        async with asyncio.timeout(TOKEN_TIMEOUT_S):
            await obtain_token(genesys)
    except TimeoutError:
        return Check("credentials", "fail", f"no answer from {where}", "check the address, proxy and firewall")
    except PlatformError as error:
        advice = (
            "check GENESYS_CLIENT_ID, GENESYS_CLIENT_SECRET and GENESYS_REGION; the client needs client credentials"
        )
        return Check("credentials", "fail", str(error), advice)
    return Check("credentials", "ok", f"a token was given by {where}")


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


def _rings_bytes(shards: ShardOptions, calls: int | None = None) -> int:
    """Of all rings, or of those that calls of two channels use; a ring that nobody uses takes no memory."""
    rings = shards.count * shards.rings
    return (rings if calls is None else min(rings, 2 * calls)) * shards.slots * FRAME_BYTES
