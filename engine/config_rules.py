"""Rules and sinks: those that follow from the environment, and what must hold among them.

TARGET_KEYWORD makes one rule per phrase, CUELINE_WEBHOOK_URL a sink for every rule; a sink called `log` always exists.
Works on raw values, which may be of any shape: what is no table is left for pydantic's check.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.config_faults import Fault
from engine.config_layers import TARGET_KEYWORD, WEBHOOK_SECRET, WEBHOOK_URL, Draft

DEFAULT_PHRASES = ("transfer me",)
LOG, WEBHOOK = "log", "webhook"
_HEAR = 'with speech.decoding = "grammar" only the words of `hear` can be heard'
_REMEDIES = 'list the phrases to hear in `hear`, or set speech.decoding = "free" (2 to 20 times dearer)'


def slug(phrase: str) -> str:
    """A rule name made of a phrase: `transfer me` → `transfer-me`; empty where no ASCII letter or digit is left."""
    plain = unicodedata.normalize("NFKD", phrase).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:56].rstrip("-")


def complete_rules(draft: Draft) -> None:
    """Rules of TARGET_KEYWORD replace the file's; with neither, the default phrase's stands."""
    text = draft.environ.get(TARGET_KEYWORD)
    if text is None:
        draft.raw.setdefault("rules", _rules_of(DEFAULT_PHRASES))
        return
    draft.origins[("rules",)] = TARGET_KEYWORD
    phrases = [" ".join(part.split()) for part in text.split(",")]
    distinct = {phrase.casefold(): phrase for phrase in reversed(phrases) if phrase}
    if not all(phrases):
        sentence = "holds an empty phrase" if distinct else "holds no phrase"
        draft.faults.append(
            Fault(("rules",), f"{sentence}; give phrases separated by single commas, or unset it", text)
        )
    elif len(distinct) < len(phrases):
        draft.faults.append(Fault(("rules",), "names a phrase twice; name each phrase once", text))
    draft.raw["rules"] = _rules_of([*distinct.values()][::-1] or DEFAULT_PHRASES)


def replace_rules(draft: Draft, phrases: Sequence[str], origin: str) -> None:
    """One rule per phrase, instead of the file's and the environment's; `origin` is what faults call them."""
    draft.environ.pop(TARGET_KEYWORD, None)
    distinct: dict[str, str] = {}
    for phrase in phrases:
        distinct.setdefault(" ".join(phrase.casefold().split()), phrase)
    draft.raw["rules"] = _rules_of([*distinct.values()])
    draft.origins[("rules",)] = origin


def complete_sinks(draft: Draft) -> None:
    """Add the log sink and the environment's webhook; give the environment's signing key to webhooks without one."""
    sinks = draft.raw.setdefault("sinks", [])
    if not isinstance(sinks, list):
        return
    if not any(sink.get("name") == LOG for sink in draft.tables("sinks")):
        sinks.append({"type": "log", "name": LOG})
    if url := draft.environ.get(WEBHOOK_URL):
        _set_webhook(draft, sinks, url)
    for sink in draft.tables("sinks"):
        if sink.get("type") == "webhook" and (secret := draft.environ.get(WEBHOOK_SECRET)):
            sink.setdefault("secret", secret)


def _set_webhook(draft: Draft, sinks: list[Any], url: str) -> None:
    """Take the address for the file's webhook sink of that name, else add one; and put it into every rule."""
    for index, sink in enumerate(sinks):
        if isinstance(sink, dict) and (sink.get("name"), sink.get("type")) == (WEBHOOK, "webhook"):
            sink["url"] = url
            draft.origins[("sinks", index, "url")] = WEBHOOK_URL
            break
    else:
        draft.origins[("sinks", len(sinks))] = WEBHOOK_URL
        sinks.append({"type": "webhook", "name": WEBHOOK, "url": url})
    for rule in draft.tables("rules"):
        names = rule.get("sinks", [LOG])
        if isinstance(names, list) and WEBHOOK not in names:
            rule["sinks"] = [*names, WEBHOOK]


def _rules_of(phrases: Sequence[str]) -> list[dict[str, Any]]:
    return [{"name": name, "phrases": [phrase]} for name, phrase in zip(_names(phrases), phrases, strict=True)]


def _names(phrases: Sequence[str]) -> Iterator[str]:
    """A distinct name for each phrase."""
    taken: set[str] = set()
    for number, phrase in enumerate(phrases, start=1):
        name = slug(phrase) or f"phrase-{number}"
        while name in taken:
            name += f"-{number}"
        taken.add(name)
        yield name


def rule_faults(raw: Mapping[str, Any]) -> list[Fault]:
    """What pydantic does not see: names that clash or lead nowhere, expressions that can't be heard."""
    rules, sinks = _tables(raw.get("rules")), _tables(raw.get("sinks"))
    speech = raw.get("speech")
    grammar = not isinstance(speech, dict) or speech.get("decoding", "grammar") == "grammar"
    faults = [*_repeated("rules", rules), *_repeated("sinks", sinks)]
    if raw.get("rules") == []:
        faults.append(Fault(("rules",), "empty: nothing to hear; give at least one rule, or leave `rules` out"))
    names = [str(sink.get("name")) for _, sink in sinks]
    for index, rule in rules:
        faults += [*_missing_sinks(index, rule, names), *_phrase_faults(index, rule, grammar)]
    return faults


def _tables(value: Any) -> list[tuple[int, dict[str, Any]]]:
    return [(i, item) for i, item in enumerate(value) if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _repeated(array: str, tables: list[tuple[int, dict[str, Any]]]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, table in tables:
        name = table.get("name")
        if isinstance(name, str) and first.setdefault(name, index) != index:
            yield Fault((array, index, "name"), f"{array}[{first[name]}] has this name too; names are unique", name)


def _missing_sinks(index: int, rule: dict[str, Any], names: list[str]) -> Iterator[Fault]:
    for place, name in enumerate(_strings(rule.get("sinks"))):
        if name not in names:
            yield Fault(
                ("rules", index, "sinks", place), f"no such sink; there are: {', '.join(dict.fromkeys(names))}", name
            )


def _phrase_faults(index: int, rule: dict[str, Any], grammar: bool) -> Iterator[Fault]:
    phrases, match = _strings(rule.get("phrases")), rule.get("match", "phrase")
    folded = [" ".join(phrase.casefold().split()) for phrase in phrases]
    for place, phrase in enumerate(folded):
        if phrase in folded[:place]:
            yield Fault(("rules", index, "phrases", place), "named twice in this rule", phrases[place])
    if match == "regex":
        yield from _expression_faults(index, phrases)
    if grammar and isinstance(match, str) and match not in ("phrase", "exact") and not rule.get("hear"):
        yield Fault(("rules", index, "match"), f"{_HEAR}; {_REMEDIES}", match)


def _expression_faults(index: int, phrases: list[str]) -> Iterator[Fault]:
    for place, phrase in enumerate(phrases):
        try:
            re.compile(phrase)
        except (re.error, OverflowError, RecursionError) as error:  # also: repeated too often, nested too deeply
            yield Fault(("rules", index, "phrases", place), f"not a regular expression: {error}", phrase)
