"""One look at everything of a running engine that may grow: its processes in /proc, its metrics, its state directory."""

from contextlib import suppress
from pathlib import Path

from bench.load.accounting import PROC, own_cpu_seconds, process_tree, pss_mb
from bench.load.soaking import ProcessSample, Sample
from engine.demo.stage import Stage

ROLES = (("engine.shards.fork_server", "fork server"), ("engine.genesys.platform_process", "platform"))


async def sampled(stage: Stage, state: Path, at_s: float) -> Sample:
    """Now. DemoError where the engine can't be asked any more."""
    reading = await stage.reading()
    return Sample(
        at_s=at_s,
        processes=_processes(stage.engine.pid),
        frame_latency=reading.frame_latency,
        frames=reading.frames,
        dropped=reading.dropped,
        waiting_frames=reading.waiting_frames,
        waiting_commands=reading.waiting_commands,
        recognizers=reading.recognizers,
        state_bytes=_sizes(state),
    )


def _sizes(folder: Path) -> dict[str, int]:
    """Of every file below it, in bytes; one that vanishes meanwhile is left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.stat().st_size
    return found


def _processes(engine_pid: int) -> dict[str, ProcessSample]:
    """Of the supervisor and all that it has started, by role; one that ends meanwhile is left out."""
    shares = pss_mb(engine_pid)
    found = {}
    for role, pid in _roles(engine_pid).items():
        folder = PROC / str(pid)
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            fds = sum(1 for _ in (folder / "fd").iterdir())
        except OSError:
            continue
        rss_mb = int(status.get("VmRSS", "0").split()[0]) * 1024 / 1e6
        threads = int(status["Threads"])
        found[role] = ProcessSample(shares.get(pid, 0.0), rss_mb, fds, threads, own_cpu_seconds(pid), pid)
    return found


def _roles(engine_pid: int) -> dict[str, int]:
    """`supervisor`, `platform`, `fork server`, `worker 1` … in the order of their process ids."""
    parents = dict(process_tree(engine_pid))
    found = {"supervisor": engine_pid}
    for pid, parent in sorted(parents.items()):
        if parent == engine_pid:
            command = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace") if _there(pid) else ""
            name = next((role for module, role in ROLES if module in command), f"process {pid}")
            found[name] = pid
    workers = sorted(pid for pid, parent in parents.items() if parent == found.get("fork server"))
    return found | {f"worker {number}": pid for number, pid in enumerate(workers, start=1)}


def _there(pid: int) -> bool:
    return (PROC / str(pid)).exists()
