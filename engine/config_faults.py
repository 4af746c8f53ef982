"""What is wrong with a configuration, in lines that teach: name, value (secrets masked), what is allowed.

A fault is a place and a sentence. The place is told as the reader wrote it: the environment's name where the value came
from there, the file's path (`rules[2].min_confidence`) otherwise. Knows no environment, no files.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from engine.options import (
    AdminOptions,
    AttributesSink,
    AudioHookKey,
    AudioHookOptions,
    DisconnectSink,
    EngineOptions,
    FileSink,
    FleetOptions,
    GenesysOptions,
    LogSink,
    Options,
    OutboxOptions,
    PythonSink,
    RedisSink,
    RuleOptions,
    ShardOptions,
    SpeechOptions,
    TransferSink,
    WebhookSink,
)

Loc = tuple[str | int, ...]

MOST_CHARACTERS = 1000  # of a line; whole lists of what is allowed are shorter

_NOTHING = object()
_NUMERIC = (
    *("int_parsing", "int_type", "int_from_float", "float_parsing", "float_type", "finite_number"),
    *("greater_than", "greater_than_equal", "less_than_equal"),
)
_SHAPES = {"model_type": "must be a table", "dict_type": "must be a table", "tuple_type": "must be a list"}
_SECRET = {"api_key", "client_secret", "password", "redis_password", "redis_url", "secret", "token"}
_MASKED = _SECRET | {"keys"}  # what stands where keys belong may be one
_TABLES: dict[str, type[Options]] = {
    "genesys": GenesysOptions,
    "speech": SpeechOptions,
    "shards": ShardOptions,
    "admin": AdminOptions,
    "outbox": OutboxOptions,
    "audiohook": AudioHookOptions,
    "fleet": FleetOptions,
}
_SINKS: dict[str, type[Options]] = {
    str(sink.model_fields["type"].default): sink
    for sink in (LogSink, FileSink, WebhookSink, TransferSink, DisconnectSink, AttributesSink, PythonSink, RedisSink)
}
_IDENTIFIER = "letters, digits, - and _, beginning with a letter or digit, at most 64 in all"
_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$": _IDENTIFIER,
    r"^[A-Za-z0-9_-]{1,128}$": "letters, digits, - and _, at most 128 in all",
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$": "letters, digits, dots, - and _, beginning with a letter or digit, at most 64 in all",
    r"^[!-~]{1,256}$": "printable ASCII without spaces, at most 256 characters",
    r"^https?://[^\s/]+.*$": "an address that begins with http:// or https://",
    r"^(phrase|exact|regex|[A-Za-z_][\w.]*:[A-Za-z_][\w.]*)$": "phrase, exact, regex or module:callable",
    r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$": "module:callable",
    r"^/[^\s?#]*$": "a path that begins with /, without query",
    r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$": "an id as Genesys Cloud shows it: 8-4-4-4-12 hexadecimal digits",
    r"^[A-Za-z0-9.\-\[\]:]+$": "a host's name or address, with its port where it is not 443",
    r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$": "a language tag, such as en-US",
    r"^wss?://[^\s/]+.*$": "an address that begins with ws:// or wss://",
}


class Fault(NamedTuple):
    """One thing that is wrong."""

    loc: Loc
    sentence: str
    value: Any = _NOTHING
    missing: bool = False
    from_file: bool = True  # False: the place is no place in the file, but a name by itself

    def outside_file(self, origins: Mapping[Loc, str]) -> bool:
        """Whether it would stand whatever the file says."""
        return not self.from_file or _origin(self.loc, origins) is not None


def fault_lines(faults: list[Fault], origins: Mapping[Loc, str], names: Mapping[Loc, str]) -> list[str]:
    """The lines, without repetitions. `origins`: places filled from the environment; `names`: those that could be."""
    return list(dict.fromkeys(_printable(_line(fault, origins, names)) for fault in faults))


def _printable(line: str) -> str:
    """One line, of bounded length: names and expressions in it are the file's, and may hold anything."""
    text = "".join(character if character.isprintable() else "?" for character in line)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _line(fault: Fault, origins: Mapping[Loc, str], names: Mapping[Loc, str]) -> str:
    if fault.missing and fault.loc in names:
        return f"{names[fault.loc]}: {fault.sentence} (in the file: {dotted(fault.loc)})"
    name = _origin(fault.loc, origins) or dotted(fault.loc)
    shown = "" if fault.value is _NOTHING else f" = {_shown(fault)}"
    return f"{name}{shown}: {fault.sentence}"


def _origin(loc: Loc, origins: Mapping[Loc, str]) -> str | None:
    """The environment's name that filled this place or one around it."""
    found = [name for place, name in origins.items() if loc[: len(place)] == place]
    return found[-1] if found else None


def dotted(loc: Loc) -> str:
    """`("rules", 2, "phrases")` → `rules[2].phrases`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _shown(fault: Fault) -> str:
    if not _MASKED.isdisjoint(fault.loc[-2:]):
        return "***"
    text = _written(fault.value)
    text = re.sub(r"//[^/@\s]*@", "//***@", text)  # an address may carry a password or a key
    text = re.sub(r"\?[^\s\"]*", "?***", text) if "://" in text else text
    if fault.loc[-1] == "url":  # a webhook's path may be its key
        text = re.sub(r"(//[^/\s\"]*/)[^\s\"?]+", r"\1***", text)
    return text if len(text) <= 100 else f"{text[:99]}…"


def _written(value: Any) -> str:
    """As JSON, also what JSON has not: any number, text of the environment that is not UTF-8."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace").decode()
    return str(value) if type(value) in (int, float) else orjson.dumps(value, default=str).decode()


def pydantic_faults(error: ValidationError) -> list[Fault]:
    """Everything that pydantic found, but for what only follows from something else that is told."""
    found = error.errors(include_url=False)
    places = [details["loc"] for details in found]
    return [_fault(details) for details in found if not _follows(details, places)]


def _follows(details: ErrorDetails, places: list[Loc]) -> bool:
    """An address is missing because of the region; a list counts as too short because its items are wrong."""
    loc = details["loc"]
    if details["type"] == "missing":
        return loc in [("genesys", name) for name in ("login_url", "api_url", "realtime_url")]
    return details["type"] == "too_short" and any(place[: len(loc)] == loc != place for place in places)


def _fault(details: ErrorDetails) -> Fault:
    loc, home = _home(details["loc"])
    kind, value = details["type"], details["input"]
    scalar = value if isinstance(value, str | int | float | bool) else _NOTHING
    match kind:
        case "missing":
            return Fault(loc, f"not set. {_description(home, loc)}".strip(), missing=True)
        case "extra_forbidden":
            return Fault(loc, _unknown(home, str(loc[-1])))
        case "union_tag_invalid" | "union_tag_not_found":
            return Fault((*loc, "type"), f"must be one of {', '.join(_SINKS)}")
        case _:
            return Fault(loc, _sentence(details, home, loc), scalar)


def _home(loc: Loc) -> tuple[Loc, type[Options]]:
    """The place as the file names it (pydantic puts a sink's type into it), and the options class it belongs to."""
    match loc:
        case ("sinks", int(index), str(tag), *rest):
            return ("sinks", index, *rest), _SINKS[tag]
        case ("rules", int(), _, *_):
            return loc, RuleOptions
        case ("audiohook", "keys", int(), _, *_):
            return loc, AudioHookKey
        case (str(table), _, *_) if table in _TABLES:
            return loc, _TABLES[table]
        case _:
            return loc, EngineOptions


def _sentence(details: ErrorDetails, home: type[Options], loc: Loc) -> str:
    if details["type"] == "value_error":
        return details["msg"].removeprefix("Value error, ")
    field = _field(home, loc)
    pattern = str(details.get("ctx", {}).get("pattern"))
    if details["type"] in _NUMERIC and field is not None and (bounds := _bounds(field)):
        allowed = f"must be a {'whole ' if _whole(field) else ''}number {bounds}"
    elif pattern in _PATTERNS:
        allowed = f"must be {_PATTERNS[pattern]}"
    else:
        told = re.sub(r"^(Input|String|Value|Tuple) should ", "must ", details["msg"])
        if isinstance(details["input"], str):  # a secret, to pydantic, is a row of items
            told = re.sub(r" items?( after validation)?,", " characters,", told)
        allowed = _SHAPES.get(details["type"]) or told
    return f"{allowed}. {_description(home, loc)}".strip()


def _field(home: type[Options], loc: Loc) -> FieldInfo | None:
    names = [part for part in loc if isinstance(part, str)]
    return home.model_fields.get(names[-1])


def _description(home: type[Options], loc: Loc) -> str:
    field = _field(home, loc)
    return (field.description or "") if field else ""


def _whole(field: FieldInfo) -> bool:
    return "int" in str(field.annotation)


def _bounds(field: FieldInfo) -> str:
    """`from 0 to 65535`, `above 0`: all bounds of a number, not only the one that was overstepped."""
    words = []
    for bound in field.metadata:
        for kind, word in (("ge", "from"), ("gt", "above"), ("le", "to")):
            if hasattr(bound, kind):
                words.append(f"{word} {getattr(bound, kind):g}")
    return " ".join(words)


def _unknown(home: type[Options], name: str) -> str:
    known = list(home.model_fields)
    near = difflib.get_close_matches(name, known, n=1)
    return f"unknown setting; did you mean {near[0]}?" if near else f"unknown setting; known here: {', '.join(known)}"
