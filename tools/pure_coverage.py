"""Fail where a pure module (no sockets, files, clocks: see CONTRIBUTING) is not covered to the last branch. `make cover` runs it.

PURE is the one list of them: tests/test_layers.py checks what they import and call.
"""

import io
import sys

import coverage

PURE = (
    "engine/errors.py",
    "engine/options/base.py",
    "engine/options/engine.py",
    "engine/options/discovery.py",
    "engine/options/genesys.py",
    "engine/options/rules.py",
    "engine/options/sinks.py",
    "engine/options/speech.py",
    "engine/det_points.py",
    "engine/evaluated.py",
    "engine/label_rows.py",
    "engine/proposals.py",
    "engine/retry_after.py",
    "engine/fleet/overview.py",
    "engine/percentiles.py",
    "engine/scoring.py",
    "engine/stats.py",
    "engine/addresses.py",
    "engine/audio/format.py",
    "engine/audio/framer.py",
    "engine/audio/interleaved.py",
    "engine/audio/ring.py",
    "engine/audio/ulaw.py",
    "engine/genesys/audiohook/auth.py",
    "engine/genesys/audiohook/decoding.py",
    "engine/genesys/audiohook/durations.py",
    "engine/genesys/audiohook/events.py",
    "engine/genesys/audiohook/ids.py",
    "engine/genesys/audiohook/limits.py",
    "engine/genesys/audiohook/media.py",
    "engine/genesys/audiohook/messages.py",
    "engine/genesys/audiohook/nonces.py",
    "engine/genesys/audiohook/numbering.py",
    "engine/genesys/audiohook/refusals.py",
    "engine/genesys/audiohook/session.py",
    "engine/genesys/audiohook/signature.py",
    "engine/genesys/audiohook/states.py",
    "engine/genesys/audiohook/transcripts.py",
    "engine/genesys/call_book.py",
    "engine/fleet/calls.py",
    "engine/fleet/clock.py",
    "engine/fleet/rights.py",
    "engine/fleet/rows.py",
    "engine/genesys/checks.py",
    "engine/genesys/notifications.py",
    "engine/genesys/realtime.py",
    "engine/genesys/realtime_messages.py",
    "engine/genesys/regions.py",
    "engine/genesys/tokens.py",
    "engine/genesys/topics.py",
    "engine/intake/frame_bounds.py",
    "engine/intake/past.py",
    "engine/intake/retry_budget.py",
    "engine/live/calls.py",
    "engine/live/deaf.py",
    "engine/live/history.py",
    "engine/live/phrases.py",
    "engine/live/rings.py",
    "engine/live/rows.py",
    "engine/live/spans.py",
    "engine/speech/cadence.py",
    "engine/speech/endpointer.py",
    "engine/speech/events.py",
    "engine/speech/phrases.py",
    "engine/speech/transcripts.py",
    "engine/shards/admission.py",
    "engine/shards/fired.py",
    "engine/shards/hangs.py",
    "engine/shards/leases.py",
    "engine/shards/messages.py",
    "engine/shards/restarts.py",
    "engine/shards/router.py",
    "engine/shards/suspects.py",
    "engine/commands/boxes.py",
    "engine/commands/circuit.py",
    "engine/commands/command.py",
    "engine/commands/outbox_rows.py",
    "engine/commands/recovery.py",
    "engine/commands/rules.py",
    "engine/commands/targets.py",
    "engine/demo/fleet_account.py",
    "engine/demo/fleet_book.py",
    "engine/demo/fleet_scene.py",
    "engine/demo/switchboard.py",
    "engine/top/board.py",
    "engine/top/shapes.py",
)


def main() -> int:
    """Report on the pure modules; 1 where something is missing."""
    data = coverage.Coverage()
    data.load()
    report = io.StringIO()
    total = data.report(include=list(PURE), show_missing=True, skip_covered=True, file=report)
    if total < 100:
        print(report.getvalue())
        print(f"The pure levels are covered to {total:.1f} %; they have to be to 100 %.")
        return 1
    print(f"The {len(PURE)} pure modules are covered to 100 % with branches.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
