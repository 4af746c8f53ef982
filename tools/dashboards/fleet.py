"""A fleet: what waits for a node, who has the calls, what changes hands, and is Redis there. All 0 where there is no fleet."""

from tools.dashboards.panel import Dashboard, Panel, Row, above, below

RUNBOOK = "docs/runbook.md"

OFFERS = Row("1. Offers", (
    Panel("Calls that wait", "none", (("max(cueline_fleet_offers_waiting{@})", "waiting"),),
          f"Calls that no node has taken yet; every node tells the same. What stays: no node has room ({RUNBOOK}, CuelineFleetOffersWait).",
          above(1, 20)),
    Panel("How long they waited", "s",
          (("sum(rate(cueline_fleet_offer_wait_seconds_sum{@}[rate])) / clamp_min(sum(rate(cueline_fleet_offer_wait_seconds_count{@}[rate])), 1e-9)",
            "mean"),),
          "From a call's offer to its being taken by a node; of those that were taken. Above a second: the fleet is full, or was.",
          above(1, 10)),
    Panel("Wait, heat map", "s",
          (("sum by (le) (increase(cueline_fleet_offer_wait_seconds_bucket{@}[rate]))", "{{le}}"),),
          "The same, each call. A band above a second: calls that waited for another's end.",
          above(1), "heatmap"),
    Panel("Taken", "cpm", (("sum by (instance) (rate(cueline_fleet_claims_total{@}[rate])) * 60", "{{instance}}"),),
          "Offers taken, a minute, by node. One node far above the others: the others are full, or not there.", stacked=True),
))  # fmt: skip

HANDS = Row("2. Calls change hands", (
    Panel("Handed over", "cpm",
          (("sum by (instance, direction) (rate(cueline_fleet_handovers_total{@}[rate])) * 60", "{{instance}} {{direction}}"),),
          "Calls that changed nodes while both heard them, a minute: a drain, or a node that was too busy. Nothing is lost by it."),
    Panel("Taken over", "cpm",
          (("sum by (instance) (rate(cueline_fleet_takeovers_total{@}[rate])) * 60", "{{instance}}"),),
          "Calls of a node that was not heard of for the lease, a minute: it died, stood still, or lost Redis. What was said meanwhile was not heard.",
          above(0.1, 10)),
    Panel("Gap of a takeover", "s",
          (("sum by (le) (increase(cueline_fleet_takeover_seconds_bucket{@}[rate]))", "{{le}}"),),
          "From the lost node's last note of the call to the first audio here. Above the lease + 2 s: too few nodes had room.",
          above(12), "heatmap"),
    Panel("Fenced", "cpm", (("sum by (instance) (rate(cueline_fleet_fenced_total{@}[rate])) * 60", "{{instance}}"),),
          f"Calls let go because the right to them had run out ({RUNBOOK}, CuelineFleetFenced).",
          above(0.1, 1)),
    Panel("Left to another node", "cpm",
          (("sum by (instance) (rate(cueline_fleet_effects_elsewhere_total{@}[rate])) * 60", "{{instance}}"),),
          "Commands that another node had made already: in handovers that is right, and no command is lost by it. "
          "Without handovers beside it: two nodes hear one call."),
))  # fmt: skip

NODES = Row("3. Nodes and Redis", (
    Panel("Nodes", "none", (("min(cueline_fleet_nodes{@})", "seen by the one that sees least"), ("max(cueline_fleet_nodes{@})", "seen by the one that sees most")),
          "Nodes that were heard of in the last leases. Lines apart: two fleets, or a node that does not reach Redis."),
    Panel("Redis answers", "none", (("min by (instance) (cueline_fleet_redis_up{@})", "{{instance}}"),),
          f"1 while Redis answers this node; 0 without a fleet. 0 in a fleet: {RUNBOOK}, CuelineFleetRedisDown.",
          below(0.5, 1), most=1),
    Panel("Leader", "none", (("sum by (instance) (cueline_fleet_leader{@})", "{{instance}}"),),
          f"1 for the node that follows Genesys' notifications for all. None for longer than the lease: {RUNBOOK}, CuelineFleetWithoutLeader.",
          most=1),
))  # fmt: skip

FLEET = Dashboard(
    "cueline-fleet",
    "Cueline: fleet",
    "How calls are shared by the nodes of a fleet.",
    (OFFERS, HANDS, NODES),
)
