"""What the doctor looks at of where effects go: the state folder and the webhooks, judged as `cueline run` does.

Nothing is made and nothing is sent: names are resolved, and receivers are connected to, no more.
"""

import asyncio
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from importlib import metadata
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

from yarl import URL

from engine.commands import targets
from engine.commands.network_faults import network_fault
from engine.commands.webhook import Session, Webhook
from engine.doctor_checks import Check
from engine.errors import ConfigError
from engine.options import SinkOptions, TelemetryOptions, WebhookSink, public_url
from engine.state_connection import FILE_NAME, connect

ROOM_MB = 100
LOOK_UP_S = 5.0
CONNECT_S = 2.0
NETWORKED = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs"})
STATE = "state folder"
Connect = Callable[[list[str], int], Awaitable[str | None]]  # addresses and port → why there is no connection
TRACING = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")


def check_state(folder: Path, mounts: str | None = None, *, running: bool = False) -> Check:
    """Whether an engine could keep its commands there: written by us, local, with room, or `running` with it already."""
    standing = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    setting = f"CUELINE_STATE_DIR = {folder}"
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        return Check(STATE, "fail", f"{folder} can't be written", f"{setting}: give a folder that this user may write")
    if running:
        return Check(STATE, "ok", f"{folder}: a Cueline runs with it; another one needs its own")
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


async def check_webhooks(sinks: Iterable[SinkOptions], connect: Connect | None = None) -> list[Check]:
    """One for each webhook sink; `connect` instead of a connection, for tests."""
    hooks = [sink for sink in sinks if isinstance(sink, WebhookSink)]
    return [await _check_webhook(sink, connect or connection_fault) for sink in hooks]


async def _check_webhook(options: WebhookSink, connect: Connect) -> Check:
    name = f"webhook {options.name}"
    try:
        Webhook(options, cast("Session", None))  # nothing is sent with it
    except ConfigError as error:
        return Check(name, "fail", "\n".join(error.faults), targets.REMEDY)
    url = URL(options.url)
    host, port = url.raw_host or "", url.port or 0
    try:
        addresses = await _addresses(host, port)
    except (OSError, TimeoutError):
        advice = "check the name, and that this machine can look it up"
        return Check(name, "warn", f"{host} can't be resolved now", advice)
    for address in addresses:
        if kind := targets.refused_kind(ip_address(address), options.allow_addresses):
            return Check(name, "fail", f"{host} resolves to {kind}", targets.REMEDY)
    told = f"{host} is {', '.join(addresses)}"
    if fault := await connect(addresses, port):
        advice = (
            f"start its receiver, or mend the url: its commands wait, and are given up after {options.deadline_s:g} s"
        )
        return Check(name, "warn", f"{told}; port {port}: {fault}", advice)
    if url.scheme == "http" and not targets.stays_inside(host):
        return Check(name, "warn", told, "use https: its body says what was heard, and crosses the network in clear")
    return Check(name, "ok", f"{told}; port {port} takes connections")


async def _addresses(host: str, port: int) -> list[str]:
    async with asyncio.timeout(LOOK_UP_S):
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in cast("list[Any]", found)))


async def connection_fault(addresses: list[str], port: int) -> str | None:
    """None where one of them takes a connection within CONNECT_S, else why the first does not. Nothing is sent."""
    faults = await asyncio.gather(*(_fault_at(address, port) for address in addresses))
    return faults[0] if all(faults) else None


async def _fault_at(address: str, port: int) -> str | None:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError) as error:
        return network_fault(error)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None
