"""AudioHook's part of the configuration: the key that the environment names, and where Genesys credentials can be missing.

With AudioHook calls come to us, so nothing has to be asked of the platform; what does ask (following a conversation by its
id, sinks that act on the call) needs credentials as ever, and the fault says which of them it is. Works on raw values, which
may be of any shape: what is no table is left for pydantic's check.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.config_faults import Fault
from engine.config_layers import AUDIOHOOK_KEY, Draft
from engine.options import GenesysOptions

_API_KEY = "CUELINE_AUDIOHOOK_API_KEY"
_CREDENTIALS = {"client_id": "GENESYS_CLIENT_ID", "client_secret": "GENESYS_CLIENT_SECRET"}


def complete_audiohook(draft: Draft) -> None:
    """The environment's key stands behind the file's, so that faults of those are told by the places they have there."""
    audiohook = draft.table("audiohook")
    given = {field: draft.environ[name] for name, field in AUDIOHOOK_KEY.items() if name in draft.environ}
    if not given or any(fault.loc == (f"{_API_KEY}_FILE",) for fault in draft.faults):
        return
    if "api_key" not in given:
        others = [name for name, field in AUDIOHOOK_KEY.items() if field in given]
        sentence = f"not set, but needed with {' and '.join(others)}; set it to the API key of the integration"
        draft.faults.append(Fault((_API_KEY,), sentence, from_file=False))
        return
    keys = audiohook.setdefault("keys", [])
    if isinstance(keys, list):
        place = ("audiohook", "keys", len(keys))
        draft.origins |= {(*place, field): name for name, field in AUDIOHOOK_KEY.items() if field in given}
        keys.append(given)


def credential_faults(raw: Mapping[str, Any], faults: Sequence[Fault]) -> Iterator[Fault]:
    """Credentials that are missing and needed, each with what needs it. A key that was meant, and has a fault, counts as one."""
    genesys = raw.get("genesys")
    if not isinstance(genesys, dict):
        return
    missing = [name for name in _CREDENTIALS if name not in genesys]
    meant = any(fault.loc in ((_API_KEY,), (f"{_API_KEY}_FILE",)) for fault in faults)
    reasons = [
        *_askers(raw, genesys, meant=meant),
        *(f"{_CREDENTIALS[name]} is set" for name in _CREDENTIALS if name in genesys),
    ]
    for name in missing if reasons else ():
        description = GenesysOptions.model_fields[name].description
        loc = ("genesys", name)
        yield Fault(loc, f"not set. {description} Needed: {'; '.join(reasons)}.", missing=True)


def _askers(raw: Mapping[str, Any], genesys: Mapping[str, Any], *, meant: bool) -> Iterator[str]:
    """What would ask the platform; without AudioHook all calls would."""
    audiohook = raw.get("audiohook")
    if not meant and not (isinstance(audiohook, dict) and audiohook.get("keys")):
        yield f"calls come without them only by AudioHook, and {_API_KEY} is not set"
    if genesys.get("conversation_ids"):
        yield "GENESYS_CONVERSATION_ID names conversations to follow"
    discovery = raw.get("discovery")
    if isinstance(discovery, dict) and any(discovery.get(name) for name in ("queues", "users", "all_queues")):
        yield "[discovery] names whose calls are followed"
    sinks = raw.get("sinks")
    for sink in sinks if isinstance(sinks, list) else ():
        kind = sink.get("type") if isinstance(sink, dict) else None
        if isinstance(kind, str) and kind.startswith("genesys."):
            yield f"a sink is of type {kind}"
