"""Genesys Cloud as an AudioHook client: it connects to a server, plays recordings as calls, and says what it saw.

Independent of Cueline's server: only the µ-law table is shared. Three ways to use it:

*Many good calls*, cheap enough to run beside what they load (one ticker, finished messages, no task per frame):

    options = HookOptions(url="ws://127.0.0.1:8443/api/v1/audiohook/ws", api_key="key", client_secret="c2VjcmV0",
                          calls=calls_of_speech(SPEECH_DIR, channels=2, count=9), port=None)
    async with AudioHookCalls(options) as calls:   # connects at `rate` a second by itself
        calls.reports                              # HookReport per call, as GET /simulator/calls
        calls.by_id[conversation_id].drop()        # its connection breaks; it tries again. `.end()`: it hangs up
        calls.commit("seq_gap", count=3)           # faulty sessions beside; their outcomes come in `calls.outcomes`
        await calls.wait()                         # until all are over; with `loop` they never are
    calls.summary()                                # complete once the block is left; "ok" as the command's exit code

*One session by hand*: `client.AudioHookClient` (its module shows how).

*Faults*, each the wrong thing that a client may do, with the endings that the protocol allows:

    outcome = await run_fault("odd_stereo", options)   # of FAULTS; `options.calls` are not needed
    assert outcome.as_expected, outcome

From the command line: `cueline simulate audiohook --url ws://… [--fault NAME[:COUNT]]…`.
"""

from engine.simulator.audiohook.calls import AudioHookCalls
from engine.simulator.audiohook.client import AudioHookClient, GoneError
from engine.simulator.audiohook.dialogue import ServerFaultError, ServerMessage
from engine.simulator.audiohook.fault import Fault, FaultOutcome
from engine.simulator.audiohook.faults import FAULTS, run_fault
from engine.simulator.audiohook.options import Gap, HookCall, HookOptions
from engine.simulator.audiohook.recordings import calls_of_speech, calls_of_wavs
from engine.simulator.audiohook.report import HookReport
from engine.simulator.audiohook.socket import UpgradeFailedError

__all__ = [
    "FAULTS",
    "AudioHookCalls",
    "AudioHookClient",
    "Fault",
    "FaultOutcome",
    "Gap",
    "GoneError",
    "HookCall",
    "HookOptions",
    "HookReport",
    "ServerFaultError",
    "ServerMessage",
    "UpgradeFailedError",
    "calls_of_speech",
    "calls_of_wavs",
    "run_fault",
]
