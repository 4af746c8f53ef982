"""Texts of metrics that are long, and closed sets of label values that stand nowhere else."""

# Of genesys.realtime, genesys.audiohook.states and intake.session_audio; tests/test_metrics.py compares.
IGNORED = (
    *("unknown_type", "unexpected", "malformed_json", "bad_audio", "too_large", "repeated", "playback", "audio_paused"),
    *("audio_empty", "too_many", "after_disconnect", "after_close", "backlog_full", "backlog_late", "backlog_cut"),
)

# Help that says what the values of a label mean.
NOT_TAKEN = "Conversations not taken: capacity, credentials (none are set), duplicate, draining, invalid, quarantined."
ADMIN_REFUSED = (
    "Requests to the admin API that were refused: unauthorized is no or a wrong token, host and cross_site a browser led "
    "here, connections more than 128 at once."
)
COMMANDS = (
    "Commands by sink and outcome: failed is a dead letter, refused a full outbox, unknown a transfer, disconnect or Python "
    "call without an answer."
)
