"""What the doctor looks at of where effects go: the state folder and the webhooks, judged as `cueline run` does.

Nothing is made and nothing is sent: names are resolved, no more.
"""

import asyncio
import fcntl
import os
import shutil
import socket
from collections.abc import Iterable
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from yarl import URL

from engine.commands import targets
from engine.commands.webhook import Session, Webhook
from engine.doctor_checks import Check
from engine.errors import ConfigError
from engine.options import SinkOptions, TelemetryOptions, WebhookSink, public_url
from engine.state_connection import FILE_NAME, connect
from engine.state_file import LOCK_NAME

ROOM_MB = 100
LOOK_UP_S = 5.0
NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"})
STATE = "state folder"
TRACING = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def check_state(folder: Path, mounts: str | None = None) -> Check:
    """Whether an engine could keep its commands there: written by us, nobody else's, local, with room."""
    standing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    setting = f"CUELINE_STATE_DIR = {folder}"
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        return Check(STATE, "fail", f"{folder} can't be written", f"{setting}: give a folder that this user may write")
    if _taken(folder):
        return Check(STATE, "warn", f"{folder}: a Cueline runs with it", f"{setting}: another one needs its own folder")
    try:
        if (folder / FILE_NAME).exists():
            connect(folder).close()
    except ConfigError as error:
        return Check(STATE, "fail", "\n".join(error.faults), "mend what is wrong, or move it away")
    kind = _file_system(standing.resolve(), Path("/proc/mounts").read_text() if mounts is None else mounts)
    if kind in NETWORKED:
        return Check(STATE, "warn", f"{folder} lies on {kind}", f"{setting}: give a folder on a local disk")
    free_mb = shutil.disk_usage(standing).free / 1e6
    if free_mb < ROOM_MB:
        return Check(STATE, "warn", f"{folder}: {free_mb:.0f} MB free", "make room: without it commands wait")
    return Check(STATE, "ok", f"{folder}: {free_mb:.0f} MB free")


def _taken(folder: Path) -> bool:
    """Whether an engine holds the lock."""
    try:
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _file_system(path: Path, mounts: str) -> str:
    """Kind of the file system that holds it, by /proc/mounts; "" where that does not say."""
    kinds = {Path(fields[1]): fields[2] for line in mounts.splitlines() if len(fields := line.split()) > 2}
    return next((kinds[each] for each in (path, *path.parents) if each in kinds), "")


def check_traces(options: TelemetryOptions) -> list[Check]:
    """Whether the library is there, where traces are wanted."""
    if options.otlp_endpoint is None:
        return []
    found = f"to {public_url(options.otlp_endpoint)}"
    missing = [name for name in TRACING if not _installed(name)]
    if missing:
        advice = "pip install 'cueline[otel]', or unset OTEL_EXPORTER_OTLP_ENDPOINT: it stops the start"
        return [Check("traces", "fail", f"{found}; not installed: {', '.join(missing)}", advice)]
    return [Check("traces", "ok", found)]


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


async def check_webhooks(sinks: Iterable[SinkOptions]) -> list[Check]:
    """One for each webhook sink."""
    return [await _check_webhook(sink) for sink in sinks if isinstance(sink, WebhookSink)]


async def _check_webhook(options: WebhookSink) -> Check:
    name = f"webhook {options.name}"
    try:
        Webhook(options, cast("Session", None))  # nothing is sent with it
    except ConfigError as error:
        return Check(name, "fail", "\n".join(error.faults), targets.REMEDY)
    url = URL(options.url)
    host = url.raw_host or ""
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return Check(
            name, "warn", f"{host} can't be resolved now", "check the name, and that this machine can look it up"
        )
    addresses = list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in cast("list[Any]", found)))
    for address in addresses:
        if kind := targets.refused_kind(ip_address(address), options.allow_addresses):
            return Check(name, "fail", f"{host} resolves to {kind}", targets.REMEDY)
    told = f"{host} is {', '.join(addresses)}"
    if url.scheme == "http" and not targets.stays_inside(host):
        return Check(name, "warn", told, "use https: its body says what was heard, and crosses the network in clear")
    return Check(name, "ok", told)
