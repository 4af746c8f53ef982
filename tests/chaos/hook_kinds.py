"""What is done to AudioHook sessions: by their own clients, by faulty clients beside them, and by an engine that drains."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from engine.errors import CuelineError
from engine.intake.audiohook_terms import NOT_TAKEN
from engine.simulator.audiohook import AudioHookClient
from tests.chaos.kind import Inject, Recovered
from tests.chaos.plant import Plant

FRESH_MS = 20  # audio that shows that a session is heard
KEPT_S = 21.0  # of audio, by clients
REPEATED_MS = 2000  # more audio than time has passed: some of it has come a second time
BY_MESSAGES_MS = 200  # a gap is one of whole messages
REFUSED_S = 1.0
REFUSALS = "cueline_conversations_refused_total"
AT_ONCE, AFTER_S = 10, 0.5  # faulty clients, and from one lot to the next
FULL = NOT_TAKEN["capacity"][1]

Sessions = dict[str, dict[str, Any]]  # as the admin API tells them, by id


def comes_back(deed: str, seconds: float = 1.0, repeated_ms: int | None = None) -> Inject:
    """The client does this, and the call goes on in another session; with `repeated_ms` that begins with audio heard before."""

    async def inject(plant: Plant, conversation_id: str) -> Recovered:
        if repeated_ms is not None:  # an engine that did not hear the audio itself can't know it again
            await asyncio.sleep(max(0.0, plant.engine_begun_s + KEPT_S - time.monotonic()))
        before = await plant.sessions(conversation_id)
        begun_s = time.monotonic()
        await plant.hooks.deed(conversation_id, deed, seconds)

        async def recovered() -> bool:
            least_ms = FRESH_MS if repeated_ms is None else 1000 * (time.monotonic() - begun_s) + repeated_ms
            now = await plant.sessions(conversation_id)
            if not any(each["audio_ms"] > least_ms for key, each in now.items() if key not in before):
                return False
            return repeated_ms is None or await plant.caught_up()

        return recovered

    return inject


def goes_on(deed: str, seconds: float, *, gap: bool) -> Inject:
    """The client does this for so long, and the same session goes on: all audio is heard, or the gap is told."""

    async def inject(plant: Plant, conversation_id: str) -> Recovered:
        before = await plant.sessions(conversation_id)
        await plant.hooks.deed(conversation_id, deed, seconds)
        took_ms, left_ms = (FRESH_MS, 1000 * seconds - BY_MESSAGES_MS) if gap else (1000 * seconds, 0)

        async def recovered() -> bool:
            now = await plant.sessions(conversation_id)
            if not any(
                now[key]["audio_ms"] >= was["audio_ms"] + took_ms and now[key]["gap_ms"] >= was["gap_ms"] + left_ms
                for key, was in before.items()
                if key in now
            ):
                return False
            return gap or await plant.caught_up()

        return recovered

    return inject


async def faulty(plant: Plant, _: str) -> Recovered:
    """Clients that do wrong, each in a way of its own; which did not end as they have to is noted.

    They come so fast that the engine may refuse some for want of capacity: those try again.
    """
    seen = len(await plant.hooks.outcomes())
    waiting = await _commit(plant, plant.hooks.faults)

    async def recovered() -> bool:
        nonlocal seen, waiting
        outcomes = (await plant.hooks.outcomes())[seen:]
        if len(outcomes) < waiting:
            return False
        wrong = [each for each in outcomes if not each["as_expected"]]
        plant.wrong += [f"A faulty AudioHook client ended so: {each}." for each in wrong if each["info"] != FULL]
        seen += len(outcomes)
        waiting = await _commit(plant, [each["name"] for each in wrong if each["info"] == FULL])
        return not waiting

    return recovered


async def _commit(plant: Plant, names: Sequence[str]) -> int:
    """Some at a time. How many outcomes there will be."""
    for begin in range(0, len(names), AT_ONCE):
        await plant.hooks.commit(names[begin : begin + AT_ONCE])
        await asyncio.sleep(AFTER_S)
    return len(names)


async def drain(plant: Plant, _: str) -> Recovered:
    """TERM to the supervisor: a session may end by itself, another is refused, the rest are asked to go; then a new start."""
    begun_ns, before = time.monotonic_ns(), await plant.hooks.summary()
    try:
        async with plant.hooks.client() as leaving, plant.hooks.client() as late:
            await leaving.connect()
            await leaving.open()
            plant.term()
            await plant.until(lambda: _draining(plant), 5)
            await _refused(plant, late)
            leaving.send_silence(0.5)
            await leaving.close()
            if any(each.type == "disconnect" for each in leaving.heard):
                plant.wrong.append("A draining engine disconnected a session that was about to end.")
    except CuelineError as error:
        plant.wrong.append(f"A session with a draining engine broke: {error}.")
    await plant.restart_drained_engine()
    after = await plant.hooks.summary()
    turned_out = after["ended"].get("disconnect_error", 0) - before["ended"].get("disconnect_error", 0)
    if turned_out < len(plant.hooks.conversation_ids):
        plant.wrong.append(
            f"Of the AudioHook sessions of a draining engine only {turned_out} were told `disconnect error`."
        )
    flowing = await plant.resumed(begun_ns)

    async def recovered() -> bool:
        return flowing

    return recovered


async def _draining(plant: Plant) -> bool:
    status, body = await plant.ask("/readyz")
    return status == 503 and body["conditions"]["not_draining"] is False


async def _refused(plant: Plant, client: AudioHookClient) -> None:
    """A session that comes too late: Genesys may try again, elsewhere. It is counted."""
    counted = sum((await plant.samples(REFUSALS)).values())
    await client.connect()
    asked_s = time.monotonic()
    answer = await client.open()
    took_s = time.monotonic() - asked_s
    said = (answer.type, answer.parameters.get("reason"), answer.parameters.get("info"))
    if said != ("disconnect", *NOT_TAKEN["draining"]) or took_s > REFUSED_S:
        plant.wrong.append(
            f"A draining engine answered `open` with {answer.type} {answer.parameters} after {took_s:.1f} s."
        )
    if sum((await plant.samples(REFUSALS)).values()) == counted:
        plant.wrong.append("A draining engine did not count a session that it refused.")
    await client.close("disconnect")
