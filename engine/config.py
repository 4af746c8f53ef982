"""Environment and TOML file → options; the only reader of either.

Three layers: the environment lies over the file, the file over the defaults. They are merged as raw values, what follows
from them is filled in (addresses from the region, rules from TARGET_KEYWORD, …), and everything is then checked at once:
a wrong start names all faults, one line each. Relative paths are relative to the working directory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from engine.cgroup import processors
from engine.config_audiohook import complete_audiohook, credential_faults
from engine.config_faults import Fault, pydantic_faults
from engine.config_fleet import complete_fleet, fleet_faults
from engine.config_layers import ENVIRONMENT, Draft, read_layers
from engine.config_rules import complete_rules, complete_sinks, replace_rules, rule_faults
from engine.errors import ConfigError
from engine.genesys import regions
from engine.model_manifest import embedded_model_path
from engine.options import (
    AdminOptions,
    AudioHookOptions,
    EngineOptions,
    FleetOptions,
    Options,
    RuleOptions,
    ShardOptions,
    SpeechOptions,
)

FLEET_NAMES = frozenset(name for name, loc in ENVIRONMENT.items() if loc[0] == "fleet")
NO_FLEET = "not set: this machine is in no fleet; set CUELINE_REDIS_URL to the Redis that its nodes share"
DEFAULT_REGION = "mypurecloud.com"
MAX_DEFAULT_SHARDS = 256
_ADDRESSES = {"login_url": regions.login_url, "api_url": regions.api_url, "realtime_url": regions.realtime_url}
_PRIVATE = "for a private deployment set GENESYS_LOGIN_URL, GENESYS_API_URL and GENESYS_REALTIME_URL"

_Checked = TypeVar("_Checked", bound=Options)


class LocalOptions(Options):
    """The part that needs no platform: for listening to files, for models and for the doctor."""

    speech: SpeechOptions
    shards: ShardOptions
    admin: AdminOptions
    audiohook: AudioHookOptions
    state_dir: Path = Path("var")


class AdminPart(Options):
    """The part that a client of the admin API needs."""

    admin: AdminOptions


class FleetPart(Options):
    """The part that somebody needs who looks at the fleet."""

    fleet: FleetOptions


class ListeningOptions(Options):
    """The part that listening to recordings needs."""

    speech: SpeechOptions
    rules: tuple[RuleOptions, ...]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What the command line says; it lies over the environment. None and () say nothing."""

    phrases: tuple[str, ...] = ()
    model_path: Path | None = None
    decoding: str | None = None
    fire_on: str | None = None
    labelled: tuple[str, ...] = ()  # phrases of labels: they stand where neither `phrases` nor the file says any


def load(
    config_file: Path | None, environ: Mapping[str, str], notice: Callable[[str], None] = lambda _: None
) -> EngineOptions:
    """Return the whole configuration, or raise ConfigError with every fault. `notice` hears of what was put right."""
    draft = read_layers(config_file, environ)
    _complete_local(draft)
    complete_audiohook(draft)
    _complete_genesys(draft, notice)
    _complete_discovery(draft)
    complete_rules(draft)
    complete_sinks(draft)
    complete_fleet(draft)
    draft.faults += [*credential_faults(draft.raw, draft.faults), *rule_faults(draft.raw), *fleet_faults(draft.raw)]
    return _checked(EngineOptions, draft, draft.raw)


def load_local(config_file: Path | None, environ: Mapping[str, str]) -> LocalOptions:
    """Return the part that needs no platform, or raise ConfigError with every fault of that part."""
    draft = read_layers(config_file, environ)
    _complete_local(draft)
    complete_audiohook(draft)
    return _checked(
        LocalOptions, draft, {name: draft.raw[name] for name in LocalOptions.model_fields if name in draft.raw}
    )


def load_admin(config_file: Path | None, environ: Mapping[str, str]) -> AdminOptions:
    """Return where the admin API listens, or raise ConfigError with every fault of that; nothing else is looked at."""
    ours = {name: value for name, value in environ.items() if name.startswith("CUELINE_ADMIN_")}
    draft = read_layers(config_file, ours)
    return _checked(AdminPart, draft, {"admin": draft.table("admin")}).admin


def load_fleet(config_file: Path | None, environ: Mapping[str, str]) -> FleetOptions:
    """Return which fleet it is and where, or raise ConfigError with every fault of that; nothing else is looked at."""
    ours = {name: value for name, value in environ.items() if name.removesuffix("_FILE") in FLEET_NAMES}
    draft = read_layers(config_file, ours)
    fleet = draft.table("fleet")
    if "redis_url" not in fleet and not draft.faults:
        draft.faults.append(Fault(("fleet", "redis_url"), NO_FLEET))
    return _checked(FleetPart, draft, {"fleet": fleet}).fleet


def load_listening(
    config_file: Path | None, environ: Mapping[str, str], said: CommandLine = CommandLine()
) -> ListeningOptions:
    """Return what listening to recordings needs, or raise ConfigError with every fault of that part."""
    draft = read_layers(config_file, environ)
    _lay_over(draft, said)
    _complete_local(draft)
    complete_rules(draft)
    complete_sinks(draft)  # rules name them
    if said.fire_on:
        for rule in draft.tables("rules"):
            rule["fire_on"] = said.fire_on
    draft.faults += rule_faults(draft.raw)
    return _checked(ListeningOptions, draft, {name: draft.raw[name] for name in ListeningOptions.model_fields})


def _lay_over(draft: Draft, said: CommandLine) -> None:
    for name, value in (("model_path", said.model_path), ("decoding", said.decoding)):
        if value is not None:
            draft.table("speech")[name] = value
            draft.origins[("speech", name)] = f"--{name.removesuffix('_path')}"
    if said.phrases:
        replace_rules(draft, said.phrases, "--phrase")
    elif said.labelled and "rules" not in draft.raw:
        replace_rules(draft, said.labelled, "labels")


def _checked(kind: type[_Checked], draft: Draft, values: dict[str, Any]) -> _Checked:
    """The options; ConfigError where the values, or the draft already, have faults."""
    try:
        options = kind.model_validate(values)
    except ValidationError as error:
        draft.faults[:0] = pydantic_faults(error)
        raise ConfigError(draft.lines()) from error
    if draft.faults:
        raise ConfigError(draft.lines())
    return options


def _complete_local(draft: Draft) -> None:
    draft.table("speech").setdefault("model_path", embedded_model_path())
    draft.table("shards").setdefault("count", min(MAX_DEFAULT_SHARDS, processors()))
    draft.table("admin")


def _complete_genesys(draft: Draft, notice: Callable[[str], None]) -> None:
    genesys = draft.table("genesys")
    region = genesys.setdefault("region", DEFAULT_REGION)
    ids = genesys.get("conversation_ids")
    if isinstance(ids, list) and all(isinstance(item, str) for item in ids):
        genesys["conversation_ids"] = list(dict.fromkeys(ids))
        for repeated in sorted({item for item in ids if ids.count(item) > 1}):
            notice(f"conversation {repeated} is named more than once; it is followed once")
    missing = [name for name in _ADDRESSES if name not in genesys]
    try:
        for name in missing if isinstance(region, str) else ():
            genesys[name] = _ADDRESSES[name](region)
    except ValueError as error:
        draft.faults.append(Fault(("genesys", "region"), f"{error}; {_PRIVATE}", region))


def _complete_discovery(draft: Draft) -> None:
    """`all` instead of ids means every queue."""
    discovery = draft.raw.get("discovery")
    queues = discovery.get("queues") if isinstance(discovery, dict) else None
    if isinstance(discovery, dict) and queues in ("all", ["all"]):
        del discovery["queues"]
        discovery["all_queues"] = True
    elif isinstance(discovery, dict) and isinstance(queues, list) and all(isinstance(queue, str) for queue in queues):
        discovery["queues"] = list(dict.fromkeys(queues))
