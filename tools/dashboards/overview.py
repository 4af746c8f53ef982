"""The first look: is it hearing, how late is it, what did it do. Rows follow the data: in, heard, spotted, out, errors."""

from tools.dashboards.panel import Dashboard, Panel, Row, above, below, present

RUNBOOK = "docs/runbook.md"
BUDGET = "0.05"  # of the phrases may be later than 500 ms

GLANCE = Row("At a glance", (
    Panel("Engines up", "none", (("sum(up{@})", ""),),
          f"Engines that Prometheus reaches. Fewer than you run: one is down or can't be reached ({RUNBOOK}, CuelineDown).",
          below(1, 1), "stat", 3, 4),
    Panel("Calls heard", "none", (('sum(cueline_conversations{@, state="listening"})', ""),),
          "Calls whose audio is taken now. 0 while there are calls: look at the state of conversations below, then at the log.",
          kind="stat", width=3, height=4),
    Panel("Without audio", "none", (("sum(cueline_conversations_without_audio{@})", ""),),
          f"Calls that are connected but bring no audio for 10 s. Above 0 nobody is heard on them ({RUNBOOK}, CuelineNoAudio).",
          above(1, 5), "stat", 3, 4),
    Panel("Spot latency p95", "s",
          (("histogram_quantile(0.95, sum by (le) (increase(cueline_spot_latency_seconds_bucket{@}[$__range])))", ""),),
          "From the end of a phrase to its command at the sink, over the time shown; 95 of 100 have to be within 500 ms. "
          "Above: see which part is slow on the page Latency and shards.",
          above(0.5, 1.0), "stat", 4, 4),
    Panel("Burn rate, 1 h", "none", ((f"max(cueline:spot_late:ratio_rate1h{{@}}) / {BUDGET}", ""),),
          "How fast the budget of late phrases (5 %) is used: 1 uses it up exactly, 6 raises the alert. "
          f"High: {RUNBOOK}, CuelineSpotLatencyBurnsFast.",
          above(1, 6), "stat", 3, 4, decimals=1),
    Panel("Phrases", "none", (("sum(increase(cueline_phrases_spotted_total{@}[$__range]))", ""),),
          "Phrases spotted in the time shown, repeats left out. 0 with calls that talk: are the rules the right ones?",
          kind="stat", width=4, height=4, decimals=0),
    Panel("Not delivered", "none",
          (('sum(increase(cueline_commands_total{@, outcome!~"delivered|elsewhere"}[$__range]))', ""),),
          f"Commands of the time shown that failed, were refused, or whose end is unknown ({RUNBOOK}, CuelineCommandsNotDelivered).",
          above(1, 10), "stat", 4, 4, decimals=0),
))  # fmt: skip

CALLS = Row("1. Calls come in", (
    Panel("Conversations by state", "none",
          ((present("sum by (source, state) (cueline_conversations{@})", "source"), "{{source}} {{state}}"),),
          "Conversations followed. Many that stay in connecting or reconnecting: Genesys can't be reached "
          "or refuses; see Reconnects on the page Genesys and commands.",
          stacked=True),
    Panel("Conversations that left, by reason", "cpm",
          ((present("sum by (reason) (rate(cueline_conversations_ended_total{@}[rate])) * 60", "reason"), "{{reason}}"),),
          "`ended` is the good one. Others: credentials (unauthorized, forbidden), network (unreachable), "
          "a call that killed workers (quarantined). The log line `conversation left` says it in a sentence."),
    Panel("Refused", "cpm",
          ((present("sum by (reason) (rate(cueline_conversations_refused_total{@}[rate])) * 60", "reason"), "{{reason}}"),),
          f"Conversations not taken, a minute. `capacity`: the engine is full; add shards or an engine ({RUNBOOK}, CuelineRefusesCalls).",
          above(1)),
))  # fmt: skip

HEARD = Row("2. They are heard", (
    Panel("Audio", "none", (("sum by (kind) (rate(cueline_audio_seconds_total{@}[rate]))", "{{kind}}"),),
          "Seconds of audio heard in a second, that is channels; voiced is speech. Only unvoiced while people talk: silence comes "
          "instead of audio, or the wrong channel. Less than the channels of all calls: audio is missing.",
          stacked=True),
    Panel("Frame latency", "s",
          (("histogram_quantile(0.5, sum by (le) (rate(cueline_frame_latency_seconds_bucket{@}[rate])))", "p50"),
           ("histogram_quantile(0.99, sum by (le) (rate(cueline_frame_latency_seconds_bucket{@}[rate])))", "p99")),
          "Arrival of a frame to the recognizer having taken it. p99 above 200 ms: workers can't keep up; "
          "see the page Latency and shards.",
          above(0.2, 0.5)),
    Panel("Frames lost", "none", (("sum by (reason) (rate(cueline_frames_dropped_total{@}[rate]))", "{{reason}}"),),
          f"Frames of 20 ms lost in a second. Each is a piece of speech that nobody heard ({RUNBOOK}, CuelineFramesDropped).",
          above(1, 50)),
))  # fmt: skip

SPOTTED = Row("3. Phrases are spotted", (
    Panel("Spot latency", "s", tuple(
          (f"histogram_quantile({rank / 100}, sum by (le) (rate(cueline_spot_latency_seconds_bucket{{@}}[rate])))", f"p{rank}")
          for rank in (50, 95, 99)),
          "End of a phrase to its command at the sink. The line is the objective: p95 at most 500 ms. Above: frame latency says "
          "whether hearing is slow; if it is not, the outbox or the disk is.",
          above(0.5, 1.0)),
    Panel("Burn rate", "none", tuple(
          (f"max(cueline:spot_late:ratio_rate{window}{{@}}) / {BUDGET}", window) for window in ("5m", "30m", "1h", "6h")),
          "Share of phrases later than 500 ms, divided by the 5 % that may be. Over 6 in 5m and 1h, or over 2 in 30m and 6h, "
          f"there is an alert ({RUNBOOK}).",
          above(2, 6)),
    Panel("Phrases by rule", "cpm",
          (("sum by (rule) (rate(cueline_phrases_spotted_total{@}[rate])) * 60", "{{rule}}"),),
          "Phrases a minute. A rule that fires far more often than before is too loose (cueline evaluate), "
          "one that never fires may be misspelt.",
          stacked=True),
))  # fmt: skip

OUT = Row("4. Commands go out", (
    Panel("Commands by sink and outcome", "cpm",
          ((present("sum by (sink, outcome) (rate(cueline_commands_total{@}[rate])) * 60", "sink"), "{{sink}} {{outcome}}"),),
          "Commands a minute. Anything but delivered: `cueline commands list` says why, `retry` sends it again.",
          stacked=True),
    Panel("Commands by rule and outcome", "cpm",
          ((present("sum by (rule, outcome) (rate(cueline_rule_commands_total{@}[rate])) * 60", "rule"), "{{rule}} {{outcome}}"),),
          "The same by the rule that made them. A rule with phrases above and nothing delivered here: its sink fails, "
          "or all its sinks are for tests.",
          stacked=True),
    Panel("Outbox", "none",
          (("sum(cueline_outbox_pending{@})", "pending"), ("sum(cueline_outbox_dead{@})", "dead letters")),
          f"Deliveries that wait, and those given up. Pending that grows: a sink is slow or down ({RUNBOOK}, CuelineOutboxStuck).",
          above(100, 1000)),
))  # fmt: skip

ERRORS = Row("5. Errors", (
    Panel("Reconnects", "cpm", ((present("sum by (reason) (rate(cueline_reconnects_total{@}[rate])) * 60", "reason"), "{{reason}}"),),
          "Sockets opened again, a minute. What is said meanwhile is not heard. Many at once: the network, or Genesys."),
    Panel("Audio missed", "none", (("sum(rate(cueline_audio_gap_seconds_total{@}[rate]))", "missed"),),
          "Seconds of audio missed in a second, while sockets were down or peers left it out. Above 0: see the reasons of reconnects.",
          above(1)),
    Panel("Messages left out", "none",
          ((present("sum by (reason) (rate(cueline_messages_ignored_total{@}[rate]))", "reason"), "{{reason}}"),
           ("sum(rate(cueline_events_lost_total{@}[rate]))", "events lost")),
          "Messages of Genesys that were not understood, and events that a slow reader of /v1/events missed, a second. "
          "A sudden rise of unknown_type: the protocol has changed."),
    Panel("Worker restarts", "none",
          (("sum by (shard) (increase(cueline_worker_restarts_total{@}[rate]))", "shard {{shard}}"),),
          f"Workers replaced. One is no harm, several are ({RUNBOOK}, CuelineShardRestarting).",
          above(1, 3)),
    Panel("Loop lag", "s", (("max(max_over_time(cueline_loop_lag_seconds{@}[$__interval]))", "worst"),),
          f"How late the supervisor's loop is. Above 0.1 s all audio is late ({RUNBOOK}, CuelineLoopLag).",
          above(0.1, 1.0)),
    Panel("Alerts firing", "none", ((('count by (alertname) (ALERTS{alertstate="firing", alertname=~"Cueline.+"}) '
                                     'or label_replace(vector(0), "alertname", "none", "", "")'), "{{alertname}}"),),
          f"Rules that fire now. Each has its heading in {RUNBOOK}: what it means, where to look, what to do.",
          above(1)),
))  # fmt: skip

OVERVIEW = Dashboard(
    "cueline-overview",
    "Cueline: overview",
    "Is it hearing, how late is it, what did it do.",
    (GLANCE, CALLS, HEARD, SPOTTED, OUT, ERRORS),
)
