"""`python -m bench.fleet`: measure, print; exit code 1 where a target is missed. About half a minute."""

import asyncio
import sys
from collections.abc import Iterator

from bench.fleet.costs import LEASE_S, RENEWALS, Cost, period
from bench.fleet.server import redis_server
from bench.fleet.sharing import Shared, share_out

MOST_OPERATIONS = 5.0  # per call and lease period
MOST_CORE = 0.01  # of a core, for 1,000 calls of a node
MOST_SHARING_S = 10.0
SHAPES = ((20, 50), (4, 250), (1, 1000), (10, 1000))


async def measure() -> tuple[list[Cost], Shared]:
    """Each on a fresh Redis."""
    costs = []
    for nodes, calls in SHAPES:
        with redis_server() as url:
            costs.append(await period(url, nodes, calls))
    with redis_server() as url:
        return costs, await share_out(url, 10_000, 3)


def lines(costs: list[Cost], shared: Shared) -> Iterator[str]:
    """The figures."""
    yield f"One lease period ({LEASE_S:g} s): {RENEWALS} renewals, a look for lapsed calls and one for offers each 0.5 s, a phrase per call"
    yield "nodes × calls | operations per call | and per phrase | renewal: node ms, Redis ms | phrase: Redis µs | Redis core"
    for cost in costs:
        share = cost.redis_s / LEASE_S
        yield (
            f"{cost.nodes:5} × {cost.calls:5} | {cost.operations:19.2f} | {cost.effect_operations:14.2f} | "
            f"{cost.renewal_ms:11.2f} {cost.renewal_redis_ms:13.2f} | {cost.effect_us:16.1f} | {share:9.2%}"
        )
    yield f"Renewing 1,000 calls takes {core(costs):.2%} of a node's core"
    yield (
        f"{shared.offers} offers at once among {shared.nodes} nodes ({shared.least} to {shared.most} each): offered in "
        f"{shared.offering_s:.1f} s, all taken after {shared.all_s:.1f} s"
    )


def core(costs: list[Cost]) -> float:
    """Share of a core that a node with 1,000 calls spends on renewals."""
    (thousand,) = (cost for cost in costs if (cost.nodes, cost.calls) == (1, 1000))
    return RENEWALS * thousand.renewal_ms / 1000 / LEASE_S


def missed(costs: list[Cost], shared: Shared) -> Iterator[str]:
    """Targets that are."""
    for cost in costs:
        if cost.operations > MOST_OPERATIONS:
            yield f"{cost.operations:.1f} operations per call at {cost.nodes} × {cost.calls}, more than {MOST_OPERATIONS:g}"
    if core(costs) > MOST_CORE:
        yield f"{core(costs):.2%} of a core for 1,000 calls, more than {MOST_CORE:.0%}"
    if shared.all_s > MOST_SHARING_S:
        yield f"{shared.all_s:.1f} s for {shared.offers} offers, more than {MOST_SHARING_S:g} s"


def main() -> int:
    """Measure and judge."""
    costs, shared = asyncio.run(measure())
    print("\n".join(lines(costs, shared)))
    faults = list(missed(costs, shared))
    print("\n".join(f"MISSED: {fault}" for fault in faults) or "All targets are met.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
