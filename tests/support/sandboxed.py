"""Run a command with the system calls that deploy/systemd/cueline.service leaves to it, and with W^X memory.

    python -m tests.support.sandboxed COMMAND …

The calls are expanded by systemd itself and forbidden through libseccomp (systemd needs it, so it is there), as systemd does
it: EPERM for what is not on the list. MemoryDenyWriteExecute is the kernel's own PR_SET_MDWE (Linux 6.3). Exit code 77: this
kernel can't do that.
"""

import ctypes
import os
import re
import subprocess
import sys

from tests.support.deployed import unit_settings

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, REFUSE_EXEC_GAIN = 38, 65, 1
ALLOW, EPERM = 0x7FFF0000, 0x00050000 | 1
CAN_NOT = 77


def expanded(names: list[str]) -> set[str]:
    """Names of system calls, sets (`@process`) expanded."""
    calls = {name for name in names if not name.startswith("@")}
    sets = [name for name in names if name.startswith("@")]
    if sets:
        told = subprocess.run(["systemd-analyze", "syscall-filter", *sets], capture_output=True, text=True, check=True)
        lines = re.findall(r"^    ([@a-z0-9_-]+)$", told.stdout, re.MULTILINE)
        calls |= expanded(lines)
    return calls


def allowed() -> set[str]:
    """What the unit's lines leave: lists are added, lists with ~ are taken away."""
    calls: set[str] = set()
    for key, value in unit_settings():
        if key == "SystemCallFilter":
            named = expanded(value.removeprefix("~").split())
            calls = calls - named if value.startswith("~") else calls | named
    return calls


def forbid_the_rest(calls: set[str]) -> None:
    """From here on, for this process and its children. OSError where the kernel takes no filter."""
    seccomp = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(EPERM)))
    for call in calls:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # others are of other machines
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    if failed := seccomp.seccomp_load(context):
        raise OSError(-failed, "no filter of system calls")


def main() -> None:
    """Lock in, then become the command."""
    libc = ctypes.CDLL(None, use_errno=True)
    calls = allowed()
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
        sys.exit(CAN_NOT)
    forbid_the_rest(calls)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
