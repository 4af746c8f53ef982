"""What `open` says, by product: Monitor, Transcription Connector, Audio Connector, or a probe of the connection. Pure."""

from typing import Any

from engine.simulator.audiohook.dialogue import Dialogue
from engine.simulator.audiohook.options import NULL_ID, HookOptions

NOBODY = {"ani": "", "aniName": "", "dnis": ""}
SOMEBODY = {"ani": "+15550100", "aniName": "Simulated Customer", "dnis": "+15550199"}


def open_parameters(
    options: HookOptions, conversation_id: str, participant_id: str, continues: Dialogue | None = None
) -> dict[str, Any]:
    """Parameters of `open`; `continues` is the session in whose place this one comes."""
    parameters: dict[str, Any] = {
        "organizationId": options.organization_id,
        "conversationId": NULL_ID if options.probe else conversation_id,
        "participant": {"id": NULL_ID} | NOBODY if options.probe else {"id": participant_id} | SOMEBODY,
        "media": options.offers(),
    }
    if options.language is not None:
        parameters["language"] = options.language
    if options.product == "transcription":
        parameters["supportedLanguages"] = True
    if options.product == "connector":
        parameters["inputVariables"] = {}
    if continues is not None:
        last = {"id": continues.id, "serverseq": continues.server_seq, "clientseq": continues.seq}
        parameters["continuedSessions"] = [last]
    return parameters
