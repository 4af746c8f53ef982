"""Calls that this node would rather not have: all of them when it drains, some while its shards are over their limit.

Each is offered to others and heard on until another hears it; no more than a few at once, so that takers are not flooded.
"""

import asyncio
from functools import partial

import structlog

from engine.errors import FleetError
from engine.fleet.calls import Call, held_rows
from engine.fleet.node import Node
from engine.fleet.ticks import tick

AT_ONCE = 8
STEP_S = 0.1
AGAIN_S = 3.0  # an offer may be gone because its taker could not hear the call; one that stands is not made again
OVER_S = 10.0  # over the limit for so long
OFFER_S = 10.0  # an offer of one that nobody takes is taken back after so long
REST_S = 30.0  # and the next is made then

log = structlog.get_logger(__name__)


async def hand_all_over(node: Node) -> None:
    """Until this node follows nothing. It reads no offers any more."""
    await node.read_no_more()
    if len(node.calls):
        log.info("Calls are handed over to other nodes", calls=len(node.calls))
    while len(node.calls):
        ours = [call for call in node.calls if call.phase == "ours" and not call.leaving]
        stale_s = tick().boot_s - AGAIN_S
        stale = [call for call in node.calls if call.phase == "offered" and call.since_s < stale_s]
        for call in (*stale, *ours[: max(0, AT_ONCE - node.calls.count("offered"))]):
            await _offer(node, call)
        await asyncio.sleep(STEP_S)


async def relieve(node: Node, above: float) -> None:
    """Hand one call after the other over while the load stays above so much; until cancelled."""
    over_s = 0.0
    while not node.taking.over:
        await asyncio.sleep(1)
        over_s = over_s + 1 if node.load > above else 0.0
        node.taking.reading = over_s == 0
        if over_s >= OVER_S and not await _one_less(node):
            await asyncio.sleep(REST_S)
            over_s = 0.0


async def _one_less(node: Node) -> bool:
    """Offer the youngest call; False where there is none, or nobody takes it in time."""
    ours = [call for call in node.calls if call.phase == "ours" and not call.leaving]
    if not ours or not await _offer(node, ours[-1]):
        return False
    call = ours[-1]
    for _ in range(int(OFFER_S / STEP_S)):
        await asyncio.sleep(STEP_S)
        if call.phase != "offered":
            return True
    node.chores.owe(partial(_take_back, node, call))
    return False


async def _offer(node: Node, call: Call) -> bool:
    (held,) = held_rows([call])
    try:
        offered = await node.store.hand_over(held)
    except FleetError:
        await asyncio.sleep(STEP_S)
        return False
    if offered or call.phase == "offered":
        call.becomes("offered", tick())
        node.renewing.hurry()
    return offered


async def _take_back(node: Node, call: Call) -> None:
    if call.phase == "offered":
        await node.store.withdraw_handover(call.conversation_id)
        call.becomes("ours", tick())
