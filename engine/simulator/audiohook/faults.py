"""The wrong things that an AudioHook client may do, as a table; each is a session of its own, run beside good ones.

`run_fault(name, options)` connects, does it, behaves as Genesys would afterwards (answers `disconnect` by `close`, otherwise
closes by itself), and says how that ended. A row's `expects` are the endings that the protocol allows:

- `refused`: the upgrade was answered with an HTTP error
- `disconnect`: the server said `disconnect`
- `closed`: the server let it pass, and the close went as always
- `dropped`: the server closed the connection
- `left`: the client went; what the server did with it, its counters tell
- `silent`: the server did nothing at all, in the time that was given
- `wrong`: the server itself broke the protocol
"""

import asyncio
import difflib

from engine.errors import ConfigError
from engine.simulator.audiohook.client import AudioHookClient, GoneError
from engine.simulator.audiohook.dialogue import ServerFaultError, ServerMessage
from engine.simulator.audiohook.fault import Ended, Fault, FaultOutcome
from engine.simulator.audiohook.options import HookOptions
from engine.simulator.audiohook.session_faults import SESSION_FAULTS
from engine.simulator.audiohook.socket import UpgradeFailedError
from engine.simulator.audiohook.upgrade_faults import UPGRADE_FAULTS

FAULTS: dict[str, Fault] = UPGRADE_FAULTS | SESSION_FAULTS
HEARD_KEPT = 100


def check_fault(name: str, options: HookOptions | None = None) -> Fault:
    """ConfigError where there is no such fault, or none without a secret."""
    if name not in FAULTS:
        near = difflib.get_close_matches(name, FAULTS, n=3)
        said = f"perhaps {' or '.join(near)}; " if near else ""
        raise ConfigError([f"fault {name!r}: no such fault; {said}`--fault list` has all {len(FAULTS)}"])
    if options is not None and FAULTS[name].signed and not options.client_secret:
        raise ConfigError([f"fault {name!r}: needs a client secret, since it spoils the signature"])
    return FAULTS[name]


async def run_fault(name: str, options: HookOptions) -> FaultOutcome:
    """Commit one fault against the server; see the module. ConfigError as `check_fault`."""
    fault = check_fault(name, options)
    async with AudioHookClient(options) as client:
        status, detail = None, ""
        try:
            async with asyncio.timeout(fault.patience_s + options.connect_timeout_s):
                await fault.act(client)
                ended = await _aftermath(client, fault)
        except UpgradeFailedError as error:
            ended, status, detail = "refused" if error.status else "dropped", error.status or None, str(error)
        except ServerFaultError as error:
            ended, detail = "wrong", str(error)
        except (GoneError, ConnectionError):
            ended = _gone(client)
        except TimeoutError:
            ended = _gone(client) if _disconnect(client) else "silent"
        return _outcome(name, fault, client, ended, status, detail)


async def _aftermath(client: AudioHookClient, fault: Fault) -> Ended:
    """Behave well from now on."""
    if client.left:
        return "left"
    said = _disconnect(client)
    if said is None:
        said = await _objection(client, fault)
    if said is not None and not fault.answers:
        await client.gone(fault.patience_s)
        return "disconnect"
    if client.dialogue.closed:
        client.socket.put_close()
        await client.gone()
    else:
        await client.close("disconnect" if said else "end")
    return "disconnect" if _disconnect(client) else "closed"  # a slow server's came after our close


async def _objection(client: AudioHookClient, fault: Fault) -> ServerMessage | None:
    """The `disconnect` that comes, if one does; a server that does nothing where it must raises TimeoutError."""
    try:
        return await client.expect("disconnect", timeout_s=fault.calm_s or fault.patience_s)
    except TimeoutError:
        if not fault.calm_s:
            raise
        return None


def _disconnect(client: AudioHookClient) -> ServerMessage | None:
    return next((each for each in client.heard if each.type == "disconnect"), None)


def _gone(client: AudioHookClient) -> Ended:
    """The socket is closed, by the server or with its close."""
    if _disconnect(client) is not None:
        return "disconnect"
    return "closed" if client.dialogue.closed else "dropped"


def _outcome(
    name: str, fault: Fault, client: AudioHookClient, ended: Ended, status: int | None, detail: str
) -> FaultOutcome:
    said = _disconnect(client)
    return FaultOutcome(
        name=name,
        ended=ended,
        expects=fault.expects,
        status=status,
        reason=None if said is None else said.parameters.get("reason"),
        info=None if said is None else said.parameters.get("info"),
        closed=client.dialogue.closed,
        close_code=client.socket.close_code if hasattr(client, "socket") else None,
        heard=tuple(each.type for each in client.heard[:HEARD_KEPT]),
        detail=detail,
    )
