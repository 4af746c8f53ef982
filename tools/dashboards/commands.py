"""Genesys on the one side, sinks on the other: connections, reconnects, token, 429s; outbox, sinks."""

from tools.dashboards.panel import Dashboard, Panel, Row, above, below, present

RUNBOOK = "docs/runbook.md"

CONNECTIONS = Row("1. Connections", (
    Panel("Conversations", "none",
          ((present("sum by (source, state) (cueline_conversations{@})", "source"), "{{source}} {{state}}"),),
          "Conversations by where they come from and their state. connecting or reconnecting that stays: see the rows below.",
          stacked=True),
    Panel("Without audio", "none",
          (("sum by (source) (cueline_conversations_without_audio{@})", "{{source}}"),),
          f"Calls that are connected and bring nothing for 10 s ({RUNBOOK}, CuelineNoAudio).",
          above(1, 5)),
    Panel("AudioHook sockets", "none", (("sum(cueline_audiohook_sockets{@})", "sockets"),),
          "Sockets of AudioHook, those without a session among them. At audiohook.connections the next is refused.",
          above(3000, 4000)),
    Panel("AudioHook refused", "cpm",
          ((present("sum by (reason) (rate(cueline_audiohook_connections_refused_total{@}[rate])) * 60", "reason"), "{{reason}}"),),
          "Connections that came to nothing, a minute. Keys and signatures: docs/audiohook.md has a row for each reason.",
          above(1, 30)),
    Panel("AudioHook faults", "cpm",
          ((present("sum by (fault) (rate(cueline_audiohook_faults_total{@}[rate])) * 60", "fault"), "{{fault}}"),),
          "Sessions that broke the protocol or were lost, a minute. gone and silent: the network; others: send the log line to us.",
          above(1, 30)),
    Panel("AudioHook probes and backlog", "none",
          (("sum(rate(cueline_audiohook_probes_total{@}[rate])) * 60", "probes a minute"),
           ("sum(cueline_audiohook_backlog_seconds{@})", "seconds that wait")),
          "Genesys probes each integration now and then. Backlog: audio of bursts that waits for room; above 20 s it is left out.",
          above(20)),
))  # fmt: skip

RECONNECTS = Row("2. Reconnects", (
    Panel("Reconnects by reason", "cpm",
          ((present("sum by (reason) (rate(cueline_reconnects_total{@}[rate])) * 60", "reason"), "{{reason}}"),),
          "Sockets opened again, a minute. dropped and unreachable: network; unauthorized: token; rate_limited: 429; "
          "server_error: Genesys. status.mypurecloud.com says whether it is theirs.",
          above(10, 60)),
    Panel("Waiting to reconnect", "none", (("sum(cueline_reconnects_waiting{@})", "conversations"),),
          "Conversations that wait for their turn (genesys.reconnects_per_s). It falls by itself once the host is back.",
          above(10, 100)),
    Panel("Audio missed", "none", (("sum(rate(cueline_audio_gap_seconds_total{@}[rate]))", "seconds a second"),),
          "Seconds of audio that did not come, in a second. What was said in them was not heard, and never will be.",
          above(1, 10)),
))  # fmt: skip

PLATFORM = Row("3. Platform API", (
    Panel("Token, time left", "s", (("min by (instance) (cueline_token_seconds_left{@})", "{{instance}}"),),
          "Life left of the platform token. It is renewed below 300 s, when somebody needs one: 0 in an idle engine, or one without "
          f"credentials, is right. Low with failed renewals beside it: {RUNBOOK}, CuelineTokenExpiring."),
    Panel("Renewals that failed", "cpm",
          (("sum by (instance) (rate(cueline_token_renewals_failed_total{@}[rate])) * 60", "{{instance}}"),),
          f"Tries for a new token that brought none, a minute. Any: credentials or the login server ({RUNBOOK}, CuelineTokenExpiring).",
          above(0.1, 1)),
    Panel("Answers 429", "cpm",
          (("sum by (where) (rate(cueline_rate_limited_total{@}[rate])) * 60", "{{where}}"),),
          f"Times a minute that Genesys said: too many requests. Some are harmless, each is tried again ({RUNBOOK}, CuelineRateLimited).",
          above(1, 10)),
))  # fmt: skip

OUTBOX = Row("4. Outbox", (
    Panel("Pending", "none", (("sum by (instance) (cueline_outbox_pending{@})", "{{instance}}"),),
          "Deliveries that wait or are under way. It falls to 0 between phrases; what stays is a sink that fails.",
          above(100, 1000)),
    Panel("Age of the oldest", "s", (("max by (instance) (cueline_outbox_oldest_seconds{@})", "{{instance}}"),),
          f"For how long the oldest has been pending. Above 15 s: {RUNBOOK}, CuelineOutboxStuck.",
          above(5, 15)),
    Panel("Dead letters", "none", (("sum by (instance) (cueline_outbox_dead{@})", "{{instance}}"),),
          "Deliveries given up and kept. `cueline commands list` shows them, `retry` sends them again.",
          above(1, 100)),
))  # fmt: skip

SINKS = Row("5. Sinks", (
    Panel("Sink latency", "s", tuple(
          (f"histogram_quantile({rank / 100}, sum by (sink, le) (rate(cueline_sink_latency_seconds_bucket{{@}}[rate])))",
           f"{{{{sink}}}} p{rank}") for rank in (50, 95)),
          "One attempt, from handed over to answered. A receiver above 1 s holds up its own commands; others don't wait for it.",
          above(1, 5)),
    Panel("Attempts", "cpm",
          (("sum by (sink) (rate(cueline_sink_latency_seconds_count{@}[rate])) * 60", "{{sink}}"),),
          "Attempts a minute. More than commands end (beside): they are repeated, so the sink fails now and then."),
    Panel("Outcomes", "cpm",
          ((present("sum by (sink, outcome) (rate(cueline_commands_total{@}[rate])) * 60", "sink"), "{{sink}} {{outcome}}"),),
          f"Commands that came to an end, a minute. Not delivered: {RUNBOOK}, CuelineCommandsNotDelivered.",
          stacked=True),
    Panel("Circuits", "none", (("max by (sink) (cueline_sink_circuit_open{@})", "{{sink}}"),),
          "1 while a sink failed five times in a row and is only probed. Look at its receiver.",
          above(1), most=1),
    Panel("Spot latency, heat map", "s",
          (("sum by (le) (increase(cueline_spot_latency_seconds_bucket{@}[rate]))", "{{le}}"),),
          "End of a phrase to its command at the sink. Bands above 500 ms are late commands.",
          above(0.5), "heatmap"),
    Panel("Within the objective", "percentunit",
          (("1 - max by (instance) (cueline:spot_late:ratio_rate30m{@})", "{{instance}}"),),
          "Share of the commands of 30 minutes that were at their sink within 500 ms. Below 0.95: the page Latency and shards.",
          below(0.9, 0.95), most=1),
))  # fmt: skip

COMMANDS = Dashboard(
    "cueline-commands",
    "Cueline: Genesys and commands",
    "What comes from Genesys and what goes to the sinks.",
    (CONNECTIONS, RECONNECTS, PLATFORM, OUTBOX, SINKS),
)
