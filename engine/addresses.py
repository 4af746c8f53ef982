"""Addresses that we listen on: their URL, and the line for one that can't be had."""

import errno


def host_and_port(host: str, port: int) -> str:
    """As they stand in a URL."""
    return f"{f'[{host}]' if ':' in host else host}:{port}"


def address_fault(names: tuple[str, str], host: str, port: int, error: OSError) -> str:
    """The line for an address that can't be had; `names` are the settings of host and port."""
    if error.errno == errno.EADDRINUSE:
        advice = "in use already; stop the program that has it, or choose another (0 picks a free one)"
        return f"{names[1]} = {port}: {advice}"
    if error.errno == errno.EACCES:
        return f"{names[1]} = {port}: not permitted for this user; choose one from 1024 to 65535"
    return f"{names[0]} = {host}: can't listen there ({error.strerror or error})"
