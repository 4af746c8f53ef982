"""What the engine can log, read from its source: every call of `log.<level>`, with its sentences and the fields it names.

A sentence that is not written in the call is looked up: a name in what it was given, `TABLE.get(…)` in the table's values.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
APART = ("simulator", "demo")  # no part of `cueline run`


@dataclass
class Said:
    """One sentence: all the levels and fields it is logged with, and whether there are fields that the call does not name."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    more: bool = False
    places: list[str] = field(default_factory=list)


def log_calls() -> dict[str, Said]:
    """Every sentence of the engine's log."""
    found: dict[str, Said] = {}
    for file in sorted((ROOT / "engine").rglob("*.py")):
        if file.relative_to(ROOT / "engine").parts[0] not in APART:
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and (levels := _levels(node.func, tree)):
                    _note(found, node, levels, tree, f"{file.relative_to(ROOT)}:{node.lineno}")
    return found


def _note(found: dict[str, Said], call: ast.Call, levels: set[str], tree: ast.Module, place: str) -> None:
    sentences = _texts(call.args[0], tree)
    assert sentences, f"{place}: no sentence can be read here"
    for sentence in sentences:
        said = found.setdefault(sentence, Said())
        said.levels |= {"error" if level == "exception" else level for level in levels}
        named = {keyword.arg for keyword in call.keywords if keyword.arg}
        named |= {"exc_info"} if "exception" in levels else set()  # log.exception brings it
        said.fields |= {"exception" if name == "exc_info" else name for name in named}
        said.more |= any(keyword.arg is None for keyword in call.keywords)
        said.places.append(place)


def _levels(function: ast.expr, tree: ast.Module) -> set[str]:
    """`log.info`, or a name that was given one or another of these."""
    match function:
        case ast.Attribute(ast.Name("log"), level) if level in LEVELS:
            return {level}
        case ast.Name(name):
            return {level for value in _given(name, tree) for level in _chosen(value, tree)}
        case _:
            return set()


def _chosen(value: ast.expr, tree: ast.Module) -> set[str]:
    if isinstance(value, ast.IfExp):
        return _chosen(value.body, tree) | _chosen(value.orelse, tree)
    return _levels(value, tree) if isinstance(value, ast.Attribute) else set()


def _texts(expression: ast.expr, tree: ast.Module) -> set[str]:
    match expression:
        case ast.Constant(str(text)):
            return {text}
        case ast.IfExp(_, body, orelse):
            return _texts(body, tree) | _texts(orelse, tree)
        case ast.Call(ast.Attribute(ast.Name(table), "get")):
            return {text for value in _given(table, tree) for text in _values(value, tree)}
        case ast.Name(name):
            return {text for value in _given(name, tree) for text in _texts(value, tree)}
        case _:
            return set()


def _values(table: ast.expr, tree: ast.Module) -> set[str]:
    return {text for value in table.values for text in _texts(value, tree)} if isinstance(table, ast.Dict) else set()


def _given(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    """Everything that this name is given anywhere in the file."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(each)], value=value) if each == name:
                yield value
            case ast.AnnAssign(target=ast.Name(each), value=ast.expr() as value) if each == name:
                yield value
            case ast.NamedExpr(target=ast.Name(each), value=value) if each == name:
                yield value
