"""`cueline top`: what a user types, what is printed, and the exit code. No work is done here.

Exit codes: 0 it was ended by q or Ctrl-C, or has printed what was asked for; 1 the engine's feed can't be had; 2 wrong input.
"""

import asyncio
import os
import sys
from collections.abc import Coroutine
from contextlib import aclosing
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import orjson
import typer

from engine import addresses, config
from engine.errors import ConfigError, LiveError
from engine.interrupts import until_stopped
from engine.live_client import LiveClient, LiveEvent
from engine.options import AdminOptions
from engine.top.following import follow
from engine.top.live_views import show, show_once

NOT_AS_IT_SHOULD, WRONG_INPUT = 1, 2


def top(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            help="The engine's admin API.", show_default="CUELINE_ADMIN_HOST and _PORT, else http://127.0.0.1:8080"
        ),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML file that says where the admin API listens.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Trust this authority (PEM) for https.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print one picture and end; so it is without a terminal.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The feed's events as JSON lines (docs/live.md).")] = False,
) -> None:
    """A running engine in the terminal: is it hearing, how fast, what did it do; calls and phrases as they come.

    Works over ssh where the engine runs; a token is taken from CUELINE_ADMIN_TOKEN or CUELINE_ADMIN_TOKEN_FILE. An engine that
    is not there yet, or restarts, is waited for. Keys: q ends, p pauses, s orders the calls.
    """
    try:
        options = config.load_admin(config_file, os.environ)
        token = options.token.get_secret_value() if options.token else None
        client = LiveClient(_checked(url) if url else url_of(options), token, ca)
        asyncio.run(until_stopped(_chosen(client, once=once, json=json)))
    except ConfigError as error:
        for fault in error.faults:
            typer.secho(f"cueline top: {fault}", err=True, fg="red")
        raise typer.Exit(WRONG_INPUT) from error
    except LiveError as error:
        typer.secho(f"cueline top: {error}", err=True, fg="red")
        raise typer.Exit(NOT_AS_IT_SHOULD) from error


def url_of(options: AdminOptions) -> str:
    """Where an engine with these options is reached from its own machine. ConfigError where nobody can know."""
    if options.port == 0:
        raise ConfigError(["CUELINE_ADMIN_PORT = 0: the engine has picked a port; give its address with --url"])
    host = options.host
    try:
        if ip_address(host).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
    except ValueError:
        pass  # a name
    return f"{'https' if options.tls_cert else 'http'}://{addresses.host_and_port(host, options.port)}"


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        good = False
    if not good:
        raise ConfigError([f"--url = {url}: write http://HOST:PORT or https://HOST:PORT"])
    return url


def _chosen(client: LiveClient, *, once: bool, json: bool) -> Coroutine[None, None, None]:
    if json:
        return print_events(client, once=once)
    return show_once(client) if once or not sys.stdout.isatty() else show(client, asyncio.Event())


async def print_events(client: LiveClient, *, once: bool) -> None:
    """A line each, connecting again when the feed ends; or the first one only."""
    if once:
        async with aclosing(client.events()) as events:
            async for event in events:
                _print(event)
                return
    await follow(client, _print, lambda why, _: print(f"cueline top: {why}", file=sys.stderr))


def _print(event: LiveEvent) -> bool:
    sys.stdout.buffer.write(orjson.dumps({"event": event.kind, **event.data}) + b"\n")
    sys.stdout.flush()
    return event.kind != "lost"
