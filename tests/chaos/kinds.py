"""The kinds of fault, as a table: what each does, whom it strikes, and how one knows that it has been recovered from.

`Kind.inject` does it and returns what to wait for; both may ask the engine, and both bear that it does not answer.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil

from engine.genesys.platform_link import MODULE as PLATFORM
from tests.chaos.hook_kinds import REPEATED_MS, comes_back, drain, faulty, goes_on
from tests.chaos.kind import Inject, Kind, Recovered
from tests.chaos.plant import Plant
from tests.chaos.receiver import Mode

FORK_SERVER = "engine.shards.fork_server"
STOPPED_S = 0.5
HOG_S = 2.0
WEBHOOK_S = 2.0
STRUCK_S = 10.0  # a receiver waits so long for somebody to strike
REFUSING_S = 1.5
OWING_S = 4.0
ALL_FRAMES = "cueline_frames_total"


# calls


def _stream(name: str, count: int = 1, before: tuple[tuple[str, bool], ...] = ()) -> Inject:
    """Arm faults of the simulator on one call; `before` are others (and whether they know the call) that meet it afterwards."""

    async def inject(plant: Plant, conversation_id: str) -> Recovered:
        heard_ms, reconnects = await _audio(plant, conversation_id)
        for fault, tied in before:
            await plant.arm(fault, **({"conversation_id": conversation_id} if tied else {}))
        await plant.arm(name, conversation_id=conversation_id, count=count)
        return _flows(plant, conversation_id, heard_ms, reconnects + (name in CUTTING))

    return inject


async def _audio(plant: Plant, conversation_id: str) -> tuple[int, int]:
    """What the engine has of a call, in ms, and how often its socket was opened again."""
    status, body = await plant.ask(f"/v1/conversations/{conversation_id}")
    return (body["audio_ms"], body["reconnects"]) if status == 200 else (0, 0)


def _flows(plant: Plant, conversation_id: str, heard_ms: int, reconnects: int) -> Recovered:
    """Audio of the call comes again, on a new socket where it needs one."""
    fresh_ms: list[int] = []

    async def recovered() -> bool:
        now_ms, opened = await _audio(plant, conversation_id)
        if opened < reconnects:
            return False
        if not fresh_ms:
            fresh_ms.append(max(now_ms, heard_ms))
        return now_ms > fresh_ms[0] + 20

    return recovered


CUTTING = ("drop_mid_call", "close_1011", "half_open", "endless_message", "compressed_frame")


def _meets(*before: tuple[str, bool]) -> Inject:
    """The call's socket breaks, and what follows fails too."""
    return _stream("drop_mid_call", before=before)


async def _platform_kill(plant: Plant, conversation_id: str) -> Recovered:
    platform = plant.helper(PLATFORM)
    if platform:
        platform.kill()
    return await _stream("drop_mid_call")(plant, conversation_id)


# processes


def _worker(number: signal.Signals) -> Inject:
    """Signal a shard's worker; its frames count on when another hears them."""

    async def inject(plant: Plant, shard: str) -> Recovered:
        pid = plant.workers[int(shard)]
        os.kill(pid, number)
        if number is not signal.SIGSTOP:
            await plant.until(lambda: _gone(pid), 5)
        return await _frames_grow(plant, shard)

    return inject


async def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _frames_grow(plant: Plant, shard: str | None = None) -> Recovered:
    """More frames are taken than by now: of one shard, or of each."""
    before = await plant.samples(ALL_FRAMES)

    async def recovered() -> bool:
        now = await plant.samples(ALL_FRAMES)
        return all(now[each] > before[each] for each in ([shard] if shard is not None else before))

    return recovered


async def _fork_server(plant: Plant, _: str) -> Recovered:
    """Another one is there, has loaded the model (it sleeps then), and frames are taken."""
    old = plant.helper(FORK_SERVER)
    assert old is not None
    old.kill()
    frames = await _frames_grow(plant)

    async def recovered() -> bool:
        new = plant.helper(FORK_SERVER)
        if (
            new is None
            or new.pid == old.pid
            or sum(new.cpu_times()[:2]) < 0.3
            or new.status() != psutil.STATUS_SLEEPING
        ):
            return False
        return await frames() and (await plant.ask("/readyz"))[0] == 200

    return recovered


async def _supervisor_stop(plant: Plant, _: str) -> Recovered:
    os.kill(plant.engine_pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(STOPPED_S)
    finally:
        os.kill(plant.engine_pid, signal.SIGCONT)
    return await _frames_grow(plant)


async def _supervisor_kill(plant: Plant, _: str) -> Recovered:
    killed_ns = time.monotonic_ns()
    os.kill(plant.engine_pid, signal.SIGKILL)
    plant.receiver.mode = "well"
    await plant.restart_killed_engine()
    flowing = await plant.resumed(killed_ns)

    async def recovered() -> bool:
        return flowing

    return recovered


async def _owing(plant: Plant) -> None:
    """Let commands pile up that the engine owes: its receiver refuses all of them for a while."""
    plant.receiver.mode = "500"
    await asyncio.sleep(OWING_S)


async def _hog(plant: Plant, _: str) -> Recovered:
    """A busy process beside, of the same priority; recovered when nothing waits in the rings beyond a frame or two per call."""
    hog = subprocess.Popen(
        [sys.executable, "-c", f"import time\nt = time.time() + {HOG_S}\nwhile time.time() < t: pass"]
    )
    try:
        while hog.poll() is None:
            await asyncio.sleep(0.05)
    finally:
        hog.kill()
        hog.wait()

    async def recovered() -> bool:
        return await plant.caught_up()

    return recovered


# receivers


def _webhook(mode: Mode) -> Inject:
    """The receiver answers so for WEBHOOK_S, and until it has struck somebody; recovered when no command waits."""

    async def inject(plant: Plant, _: str) -> Recovered:
        struck = plant.receiver.struck
        plant.receiver.mode = mode
        try:
            await asyncio.sleep(WEBHOOK_S)
            async with asyncio.timeout(STRUCK_S):
                while plant.receiver.struck == struck:
                    await asyncio.sleep(0.05)
        finally:
            plant.receiver.mode = "well"
        return _nothing_waits(plant)

    return inject


async def _refusing(plant: Plant, _: str) -> Recovered:
    await plant.receiver.refuse()
    try:
        await asyncio.sleep(REFUSING_S)
    finally:
        await plant.receiver.listen()
    return _nothing_waits(plant)


def _nothing_waits(plant: Plant) -> Recovered:
    async def recovered() -> bool:
        return not (await plant.samples("cueline_outbox_pending"))[""]

    return recovered


_AGAIN = "the call's audio is heard on a new socket"
_ON = "the call's audio goes on"
_TAKEN = "the shard takes frames again"
_SENT = "no command waits"
_BACK = "the call is heard in another session"
_SAME = "the same session is heard on"


def _call(name: str, says: str, inject: Inject, *, cuts: bool = False) -> Kind:
    return Kind(name, says, _AGAIN if cuts else _ON, "call", inject, cuts=cuts)


def _hook(name: str, says: str, recovers: str, inject: Inject, *, cuts: bool = False) -> Kind:
    return Kind(name, says, recovers, "hook", inject, cuts=cuts)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("worker_kill", "SIGKILL to a worker", _TAKEN, "shard", _worker(signal.SIGKILL)),
        Kind("worker_segv", "SIGSEGV to a worker", _TAKEN, "shard", _worker(signal.SIGSEGV)),
        Kind("worker_abort", "SIGABRT to a worker, as Vosk's own aborts", _TAKEN, "shard", _worker(signal.SIGABRT)),
        Kind("worker_stop", "SIGSTOP to a worker: it hangs", _TAKEN, "shard", _worker(signal.SIGSTOP)),
        Kind("fork_server_kill", "SIGKILL to the fork server", "another is ready", "all", _fork_server, alone=True),
        Kind("supervisor_stop", "SIGSTOP to the supervisor, SIGCONT after 0.5 s", "each shard takes frames", "all", _supervisor_stop),
        Kind("supervisor_kill", "SIGKILL to the supervisor, then a start with the same state directory",
             "every call's audio flows to the new one", "all", _supervisor_kill, cuts=True, forgets=True, alone=True),
        Kind("supervisor_kill_owing", "the same, after its receiver has refused everything for 4 s",
             "every call's audio flows to the new one", "all", _supervisor_kill, cuts=True, forgets=True, alone=True, prepare=_owing),
        Kind("cpu_hog", "a busy process beside for 2 s", "nothing waits in the rings", "all", _hog),
        _call("platform_kill", "SIGKILL to the platform process, and a call's connection breaks", _platform_kill, cuts=True),
        _call("drop", "a call's connection breaks, without a close", _stream("drop_mid_call"), cuts=True),
        _call("close_1011", "a call's socket is closed with 1011", _stream("close_1011"), cuts=True),
        _call("half_open", "a call's socket falls silent, pings included", _stream("half_open"), cuts=True),
        _call("endless_message", "a message of half a megabyte", _stream("endless_message"), cuts=True),
        _call("compressed_frame", "a compressed frame, unasked", _stream("compressed_frame"), cuts=True),
        _call("huge_message", "a message of 64 KiB and one byte", _stream("huge_message")),
        _call("deep_nesting", "JSON nested 20,000 deep", _stream("deep_nesting")),
        _call("garbage_json", "broken JSON, three times", _stream("garbage_json", 3)),
        _call("garbage_base64", "audio that is not base64, three times", _stream("garbage_base64", 3)),
        _call("unknown_types", "messages of an unknown type, three", _stream("unknown_types", 3)),
        _call("unknown_subscription", "silence for a subscription nobody asked for", _stream("unknown_subscription")),
        _call("binary_garbage", "a binary message that is no JSON", _stream("binary_garbage")),
        _call("odd_bytes", "fifty messages each split at an odd byte", _stream("odd_bytes", 50)),
        _call("login_500", "a drop, the token expired, the login fails once", _meets(("expired_token", False), ("token_500", False)), cuts=True),
        _call("login_429", "the same, the login asks to come later", _meets(("expired_token", False), ("token_429", False)), cuts=True),
        _call("api_500", "a drop, then the platform fails once", _meets(("api_500", True)), cuts=True),
        _call("api_429", "a drop, then the platform asks to come later", _meets(("api_429", True)), cuts=True),
        _call("api_drop", "a drop, then the platform's connection breaks too", _meets(("api_drop", True)), cuts=True),
        _call("api_stall", "a drop, then the platform does not answer for 5 s", _meets(("api_stall", True)), cuts=True),
        _call("upgrade_500", "a drop, then the socket's opening fails", _meets(("upgrade_500", False)), cuts=True),
        _call("connect_silence", "a drop, then `connected` never comes", _meets(("connect_silence", False)), cuts=True),
        _call("subscribe_429", "a drop, then `subscribe` is refused with 429", _meets(("subscribe_429", True)), cuts=True),
        Kind("supervisor_drain", "SIGTERM to the supervisor, then a start with the same state directory",
             "every call's audio flows to the new one", "all", drain, cuts=True, alone=True),
        _hook("hook_drop", "an AudioHook client's connection breaks; it tries again", _BACK, comes_back("drop"), cuts=True),
        _hook("hook_return", "the same, and it comes back with `continuedSessions` and its last 20 s once more",
              _BACK, comes_back("return", repeated_ms=REPEATED_MS)),
        _hook("hook_vanish", "an AudioHook client says nothing for 9 s, longer than is waited for", _BACK, comes_back("freeze", 9.0), cuts=True),
        _hook("hook_stall", "an AudioHook client stands still for 2 s, then goes on with what was kept", _SAME, goes_on("freeze", 2.0, gap=False)),
        _hook("hook_burst", "an AudioHook client keeps its audio for 20 s, then sends all of it at once", _SAME, goes_on("hold", 20.0, gap=False)),
        _hook("hook_pause", "an AudioHook client pauses for 2 s: `paused`, `resumed`", _SAME, goes_on("pause", 2.0, gap=True), cuts=True),
        _hook("hook_discard", "an AudioHook client throws 2 s away: `discarded`", _SAME, goes_on("discard", 2.0, gap=True), cuts=True),
        Kind("hook_faulty", "each fault of the AudioHook simulator's table, by clients of their own, ten at a time",
             "each has ended as it has to", "all", faulty),
        Kind("webhook_500", "the receiver answers 500 for 2 s", _SENT, "all", _webhook("500")),
        Kind("webhook_429", "the receiver answers 429 with Retry-After 1 for 2 s", _SENT, "all", _webhook("429")),
        Kind("webhook_301", "the receiver answers 301 for 2 s: refused for good", _SENT, "all", _webhook("301")),
        Kind("webhook_close", "the receiver closes without having taken it, for 2 s", _SENT, "all", _webhook("close")),
        Kind("webhook_lost_answer", "the receiver takes it and closes without an answer, for 2 s", _SENT, "all", _webhook("lost answer")),
        Kind("webhook_stall", "the receiver answers after 3 s, for 2 s", _SENT, "all", _webhook("stall")),
        Kind("webhook_refused", "nobody listens at the receiver's port for 1.5 s", _SENT, "all", _refusing),
        # A full state disk belongs here: `Kind("disk_full", …, "all", …)` once the outbox has a way to make it so without root.
    )
}  # fmt: skip
