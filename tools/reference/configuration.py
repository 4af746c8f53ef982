"""docs/configuration.md, made from the option objects, the environment's table and what the loader fills in.

Every option has a description where it is defined (engine/options); a missing one stops the making.
"""

import re
import types
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import IPvAnyNetwork, SecretStr
from pydantic.fields import FieldInfo

from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS
from engine.options import AudioHookKey, EngineOptions, Options, RuleOptions, SinkBase, SinkOptions

# What `engine/config.py` fills in where neither file nor environment says it: these have no default of their own.
FILLED = {
    "genesys.login_url": "from the region",
    "genesys.api_url": "from the region",
    "genesys.realtime_url": "from the region",
    "speech.model_path": "the English model here",
    "shards.count": "processors available",
    "fleet.node": "the machine's name",
}
HEAD = """# Configuration

Made from the source by `make docs`; don't edit. A test fails where it is stale.

The environment wins over the file (`cueline run --config cueline.toml`), the file over the defaults. A wrong value stops the start with exit code 2, all of them at once, one line each. [`cueline.toml`](../cueline.toml) has every setting with a comment; relative paths are relative to the working directory.
"""
MORE = """## Environment names that do more than fill one setting

| name | does |
|---|---|
| `TARGET_KEYWORD` | phrases, comma-separated: one rule each, named by the phrase with dashes; replaces the file's rules. Without it and without rules in the file there is one for "transfer me" |
| `CUELINE_WEBHOOK_URL` | a webhook sink named `webhook`, put into every rule |
| `CUELINE_WEBHOOK_SECRET` | the `secret` of every webhook that has none |
| `CUELINE_AUDIOHOOK_API_KEY`, `CUELINE_AUDIOHOOK_CLIENT_SECRET`, `CUELINE_AUDIOHOOK_ORGANIZATION_ID` | one of `audiohook.keys` |
"""
KINDS: dict[Any, str] = {
    bool: "true or false", int: "integer", float: "number", str: "text", Path: "path", SecretStr: "text, secret",
    IPvAnyNetwork: "network", IPv4Network: "network", IPv6Network: "network",
}  # fmt: skip


def page() -> str:
    """The whole file."""
    parts = [HEAD, "## Top of the file\n", *_table(EngineOptions, ""), ""]
    for name, field in EngineOptions.model_fields.items():
        if _is_part(field.annotation):
            parts += [f"## `[{name}]`\n", _said(field.annotation), "", *_table(field.annotation, name), ""]
        if name == "audiohook":
            parts += [
                "### `[[audiohook.keys]]`\n",
                _said(AudioHookKey),
                "",
                *_table(AudioHookKey, "audiohook.keys"),
                "",
            ]
    parts += ["## `[[rules]]`\n", _said(RuleOptions), "", *_table(RuleOptions, "rules"), ""]
    parts += ["## `[[sinks]]`\n", "A sink named `log` always exists. All sinks have these:\n"]
    parts += [*_table(SinkBase, "sinks"), ""]
    for sink in get_args(get_args(SinkOptions)[0]):
        kind = sink.model_fields["type"].default
        parts += [
            f'### `type = "{kind}"`\n',
            _said(sink),
            "",
            *_table(sink, "sinks", leave={*SinkBase.model_fields, "type"}),
        ]
        parts += [""]
    secrets = ", ".join(f"`{name}_FILE`" for name in SECRETS)
    return "\n".join([*parts, MORE, f"{secrets} name files that hold the secret.", ""])


def _table(options: type[Options], place: str, leave: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    """Rows of all fields that are not parts with a table of their own."""
    rows = [
        _row(place, name, field)
        for name, field in options.model_fields.items()
        if name not in leave and not _has_tables(field.annotation)
    ]
    if rows:
        yield "| setting | environment | default | allowed | meaning |"
        yield "|---|---|---|---|---|"
        yield from rows
    else:
        yield "No settings of its own."


def _row(place: str, name: str, field: FieldInfo) -> str:
    where = f"{place}.{name}".lstrip(".")
    if not field.description:
        raise ValueError(f"{where} has no description: add one to its Field in engine/options")
    cells = (f"`{name}`", _environment(where), _default(where, field), allowed(field), field.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _environment(where: str) -> str:
    names = [f"`{name}`" for name, loc in ENVIRONMENT.items() if ".".join(map(str, loc)) == where]
    names += [f"`{name}`" for name, key in AUDIOHOOK_KEY.items() if where == f"audiohook.keys.{key}"]
    return ", ".join(names)


def _default(where: str, field: FieldInfo) -> str:
    if where in FILLED:
        return FILLED[where]
    if field.is_required():
        return "needed"
    return _literal(field.default)


def _literal(value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return ""
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return f"`[{', '.join(_literal(item).strip('`') for item in value)}]`"
        case str() | Path():
            return f'`"{value}"`'
        case _:
            return f"`{value}`"


def allowed(field: FieldInfo) -> str:
    """Kind and bounds of a field, in words."""
    kind, bounds = _kind(field.annotation)
    of_all = _bounds(field.metadata)
    if get_origin(field.annotation) in (tuple, dict):
        of_all = ["at least 1"] if field.metadata else []  # min_length is all that lists of ours have
    return ", ".join([kind, *bounds, *of_all])


def _kind(annotation: Any) -> tuple[str, list[str]]:
    """What kind of value it is, and bounds that stand in the kind."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        kind, bounds = _kind(inner)
        return kind, [*bounds, *_bounds(metadata)]
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation)), []
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [_kind(each) for each in get_args(annotation) if each is not type(None)]
        return " or ".join(dict.fromkeys(kind for kind, _ in kinds)), [bound for _, bounds in kinds for bound in bounds]
    if get_origin(annotation) is tuple:
        kind, bounds = _kind(get_args(annotation)[0])
        return f"list of {kind}", [f"each of {' and '.join(bounds)}"] if bounds else []
    if get_origin(annotation) is dict:
        return "table of texts", []
    return KINDS[annotation], []


def _bounds(metadata: Any) -> list[str]:
    """Bounds of numbers, lengths and patterns, in words."""
    limits = {name: value for each in metadata for name, value in _limits(each)}
    low, high = limits.get("ge"), limits.get("le")
    told = []
    if low is not None and high is not None:
        told.append(f"{_number(low)} to {_number(high)}")
    else:
        told += [f"≥ {_number(low)}"] if low is not None else []
        told += [f"> {_number(limits['gt'])}"] if limits.get("gt") is not None else []
        told += [f"≤ {_number(high)}"] if high is not None else []
    told += [f"length ≥ {limits['min_length']}"] if limits.get("min_length") else []
    told += [f"length ≤ {limits['max_length']}"] if limits.get("max_length") else []
    told += [f"`{limits['pattern']}`"] if limits.get("pattern") else []
    return told


def _limits(constraint: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(constraint, "metadata", None)
    if isinstance(inner, list):  # Field(…) within an Annotated
        for each in inner:
            yield from _limits(each)
        return
    for name in ("ge", "gt", "le", "min_length", "max_length", "pattern"):
        value = getattr(constraint, name, None)
        if value is not None:
            yield name, value.pattern if isinstance(value, re.Pattern) else value


def _number(value: float) -> str:
    return f"{value:,}".replace(",", " ").removesuffix(".0")


def _said(part: Any) -> str:
    return str(part.__doc__).strip()


def _is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _has_tables(annotation: Any) -> bool:
    """Whether it is described in a table of its own."""
    return annotation == tuple[SinkOptions, ...] or any(_is_part(each) for each in (annotation, *get_args(annotation)))
