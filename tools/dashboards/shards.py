"""How late audio is heard and what the workers do: waiting, load, the work by kind, the processes."""

from tools.dashboards.panel import Dashboard, Panel, Row, above, below

RUNBOOK = "docs/runbook.md"
OF = '@, shard=~"$shard"'

WAITING = Row("1. Frames wait", (
    Panel("Frame latency, heat map", "s",
          ((f"sum by (le) (increase(cueline_frame_latency_seconds_bucket{{{OF}}}[rate]))", "{{le}}"),),
          "How long frames took from their arrival to the recognizer. The dark band belongs below 100 ms; "
          "a second band above it is a shard, or some calls, that fall behind.",
          above(0.2), "heatmap", 12, 9),
    Panel("Frame latency", "s", tuple(
          (f"histogram_quantile({rank / 100}, sum by (le) (rate(cueline_frame_latency_seconds_bucket{{{OF}}}[rate])))", f"p{rank}")
          for rank in (50, 95, 99)),
          "p99 above 200 ms: workers can't keep up. Look at utilization below; if that is low, something else takes the processors.",
          above(0.2, 0.5), width=12, height=9),
    Panel("Frame latency p99 by shard", "s",
          ((f"histogram_quantile(0.99, sum by (shard, le) (rate(cueline_frame_latency_seconds_bucket{{{OF}}}[rate])))",
            "shard {{shard}}"),),
          "One shard far above the others has the heavy calls, or a worker that suffers: see its memory and restarts.",
          above(0.2, 0.5)),
    Panel("Queue depth", "none", ((f"sum by (shard) (cueline_queue_depth_frames{{{OF}}})", "shard {{shard}}"),),
          f"Frames of 20 ms that wait in the rings. It breathes; what only grows is a shard that is too slow ({RUNBOOK}, CuelineQueueGrowing).",
          above(500, 2000)),
    Panel("Time in the queue", "s", ((f"max by (shard) (cueline:queue_wait:seconds{{{OF}}})", "shard {{shard}}"),),
          f"Frames that wait, divided by frames taken in a second. Above 0.5 s: {RUNBOOK}, CuelineQueueGrowing.",
          above(0.5, 3)),
))  # fmt: skip

LOAD = Row("2. Load", (
    Panel("Utilization", "percentunit",
          ((f"max by (shard) (cueline_shard_utilization_ratio{{{OF}}})", "shard {{shard}}"),),
          "Share of time in which the worker was busy. Above 0.9 it has no room for the next sentence: "
          "lower shards.max_utilization, add shards or an engine.",
          above(0.75, 0.9), most=1),
    Panel("Capacity left", "percentunit",
          ((f"min by (shard) (cueline_capacity_left_ratio{{{OF}}})", "shard {{shard}}"),),
          f"Share of shards.max_utilization that no call has. At 0 calls are refused ({RUNBOOK}, CuelineRefusesCalls).",
          below(0.05, 0.2), most=1),
    Panel("Overruns", "none",
          ((f"sum by (shard, reason) (rate(cueline_frames_dropped_total{{{OF}}}[rate]))", "shard {{shard}} {{reason}}"),),
          f"Frames lost in a second: ring_full (the worker stood still), skipped (it was 3 s behind), vad_error ({RUNBOOK}, CuelineFramesDropped).",
          above(1, 50)),
))  # fmt: skip

WORK = Row("3. What the work is", (
    Panel("Frames taken", "none", ((f"sum by (shard) (rate(cueline_frames_total{{{OF}}}[rate]))", "shard {{shard}}"),),
          "Frames in a second; a channel brings 50. A shard at 0 beside others that work: its worker stands still."),
    Panel("Voiced share", "percentunit",
          (((f'sum by (shard) (rate(cueline_audio_seconds_total{{{OF}, kind="voiced"}}[rate])) '
            f"/ clamp_min(sum by (shard) (rate(cueline_audio_seconds_total{{{OF}}}[rate])), 1e-9)"), "shard {{shard}}"),),
          "Share of audio that is speech; a conversation has 0.3 to 0.6 on each channel. Near 1: noise or music is taken for speech "
          "and costs processors (speech.vad_mode). Near 0: silence comes.",
          most=1),
    Panel("Decode cost", "s",
          (((f"sum by (shard) (rate(cueline_decode_seconds_total{{{OF}}}[rate])) / clamp_min(sum by (shard) "
            f'(rate(cueline_audio_seconds_total{{{OF}, kind="voiced"}}[rate])), 1e-9)'), "shard {{shard}}"),),
          "CPU seconds of the recognizer for a second of speech. It belongs to model and phrases: a step up after a change of rules "
          "is their price; a slow rise is a machine that is shared.",
          above(0.05, 0.2)),
    Panel("Worker CPU by kind", "none",
          ((f"sum(rate(cueline_decode_seconds_total{{{OF}}}[rate]))", "recognizer"),
           (f"sum(rate(cueline_vad_seconds_total{{{OF}}}[rate]))", "VAD"),
           (f"sum(rate(cueline_worker_ipc_seconds_total{{{OF}}}[rate]))", "between turns"),
           (f"sum(rate(cueline_worker_cpu_seconds_total{{{OF}}}[rate]))", "whole workers")),
          "Processors that the workers use. Whole workers close to the number of shards: they are full."),
    Panel("Utterances", "cpm",
          ((f"sum by (shard) (rate(cueline_utterances_total{{{OF}}}[rate])) * 60", "shard {{shard}}"),),
          "Utterances heard to their end, a minute. 0 with voiced audio: utterances that never end (music on hold)."),
    Panel("Recognizers", "none", ((f"sum by (shard) (cueline_recognizers{{{OF}}})", "shard {{shard}}"),),
          "Recognizers alive, about one for each channel that talks. More than channels: they are not let go; restart the shard.",
          above(256, 512)),
))  # fmt: skip

PROCESSES = Row("4. Processes", (
    Panel("Shards up", "none", ((f"min by (shard) (cueline_shard_up{{{OF}}})", "shard {{shard}}"),),
          f"1 with a worker. 0 for longer than a second or two: it doesn't come back ({RUNBOOK}, CuelineShardDown).",
          below(0.5, 1), width=6, most=1),
    Panel("Restarts", "none",
          ((f"sum by (shard) (increase(cueline_worker_restarts_total{{{OF}}}[rate]))", "shard {{shard}}"),),
          f"Workers replaced. Several in ten minutes: {RUNBOOK}, CuelineShardRestarting.",
          above(1, 3), width=6),
    Panel("Worker memory", "bytes",
          ((f"max by (shard) (cueline_worker_memory_bytes{{{OF}}})", "shard {{shard}}"),),
          f"Resident memory of each worker, the model's pages that all share among it. It follows the calls; what only rises leaks ({RUNBOOK}, CuelineWorkerMemory).",
          above(1e9, 1.5e9), width=6),
    Panel("Supervisor memory", "bytes", (("max by (instance) (process_resident_memory_bytes{@})", "{{instance}}"),),
          "Resident memory of the supervisor. It follows connections and the outbox; what only rises for days leaks.",
          above(1e9, 2e9), width=6),
    Panel("Supervisor CPU", "percentunit", (("sum by (instance) (rate(process_cpu_seconds_total{@}[rate]))", "{{instance}}"),),
          "Share of one processor that the supervisor's loop uses. Above 0.85 it is full: another engine takes the next calls.",
          above(0.7, 0.85)),
    Panel("Loop lag", "s", (("max by (instance) (max_over_time(cueline_loop_lag_seconds{@}[$__interval]))", "{{instance}}"),),
          f"How late the loop's last tick was. Above 0.1 s all audio is late; at 1 s /healthz fails ({RUNBOOK}, CuelineLoopLag).",
          above(0.1, 1.0)),
    Panel("Open files", "percentunit", (("max by (instance) (process_open_fds{@} / process_max_fds{@})", "{{instance}}"),),
          "Share of the file limit in use; a call takes up to 3. Near 1 calls are refused: raise LimitNOFILE.",
          above(0.7, 0.9), most=1),
))  # fmt: skip

SHARDS = Dashboard(
    "cueline-shards",
    "Cueline: latency and shards",
    "How late audio is heard, and what the workers do.",
    (WAITING, LOAD, WORK, PROCESSES),
    (("instance", "label_values(cueline_model_info, instance)"), ("shard", "label_values(cueline_shard_up, shard)")),
)
