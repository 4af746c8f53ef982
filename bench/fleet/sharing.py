"""10,000 offers at once, shared out among processes that read them as nodes do: in batches of 16, as far as they have room."""

import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.queues import Queue

from bench.fleet.costs import store_at

BATCH = 16
OFFERERS = 8  # offers under way at once
LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Shared:
    """How it went."""

    offers: int
    nodes: int
    offering_s: float  # until the last was in Redis
    all_s: float  # until the last was taken; both from the first offer on
    least: int  # calls that one node got
    most: int


async def share_out(url: str, offers: int, nodes: int) -> Shared:
    """Offer all, while nodes read. AssertionError where one was taken twice or not at all."""
    context = multiprocessing.get_context("spawn")
    ready: Queue[str] = context.Queue()
    found: Queue[tuple[list[str], float]] = context.Queue()
    enough = context.Event()
    room = -(-offers // nodes) + BATCH
    readers = [context.Process(target=_reader, args=(url, room, ready, found, enough)) for _ in range(nodes)]
    for reader in readers:
        reader.start()
    for _ in readers:
        await asyncio.to_thread(ready.get, timeout=LIMIT_S)
    store = store_at(url, "offering")
    begun = time.monotonic()
    await asyncio.gather(*(_offer(store, range(first, offers, OFFERERS)) for first in range(OFFERERS)))
    offered = time.monotonic()
    while (await store.view()).waiting:  # noqa: ASYNC110 - Redis tells no event
        await asyncio.sleep(0.01)
    enough.set()
    parts = [await asyncio.to_thread(found.get, timeout=LIMIT_S) for _ in readers]
    for reader in readers:
        reader.join(LIMIT_S)
    await store.close()
    taken = [call for part, _ in parts for call in part]
    assert len(taken) == len(set(taken)) == offers, f"{len(taken)} taken, {len(set(taken))} different"
    counts = [len(part) for part, _ in parts]
    last = max(at for _, at in parts)
    return Shared(offers, nodes, offered - begun, last - begun, min(counts), max(counts))


async def _offer(store: object, numbers: range) -> None:
    for number in numbers:
        state = await store.offer(f"call-{number}", "api")  # type: ignore[attr-defined]
        assert state == "offered", state


def _reader(url: str, room: int, ready: "Queue[str]", found: "Queue[tuple[list[str], float]]", enough: object) -> None:
    asyncio.run(_read(url, room, ready, found, enough))


async def _read(
    url: str, room: int, ready: "Queue[str]", found: "Queue[tuple[list[str], float]]", enough: object
) -> None:
    """Take until it is said that there are no more."""
    store = store_at(url, "reading")
    await store.begin()
    ready.put(store.consumer)
    calls: list[str] = []
    last = 0.0
    while not enough.is_set():  # type: ignore[attr-defined]
        offers = await store.take(min(BATCH, room - len(calls)), 0.2) if len(calls) < room else []
        if offers:
            calls += [offer.conversation_id for offer in offers]
            last = time.monotonic()
        elif len(calls) >= room:
            await asyncio.sleep(0.01)
    await store.close()
    found.put((calls, last))
