"""What a gate says of measured ratios and a baseline. Knows no clock, no file and no process.

A ratio is the cost of one operation as a multiple of one loop of a calibration that ran beside it. A benchmark passes at
`ratio * (1 + margin)` and below. One that the baseline holds and the run doesn't fails, and so does one that the baseline
doesn't hold: nothing drops out of the gate unseen, nothing comes in unmeasured.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

NEW_MARGIN = 0.15  # of a benchmark that comes into the baseline; bench/README.md says which need another, and why
REBASE_HINT = "`make bench-rebase` writes it"

Standing = Literal["ok", "faster", "slower", "missing", "new"]
SPOKEN: dict[Standing, str] = {
    "ok": "ok",
    "faster": "ok, faster: re-base to keep it",
    "slower": "FAILS: slower than its margin",
    "missing": "FAILS: missing in this run",
    "new": f"FAILS: no baseline; {REBASE_HINT}",
}
FAILING: frozenset[Standing] = frozenset({"slower", "missing", "new"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What is expected of one benchmark."""

    ratio: float
    margin: float

    @property
    def limit(self) -> float:
        """The highest ratio that passes."""
        return self.ratio * (1 + self.margin)


Baseline = Mapping[str, Mark]


@dataclass(frozen=True, slots=True)
class Verdict:
    """On one benchmark; `ratio` is None where it is missing, `mark` where it is new."""

    name: str
    standing: Standing
    ratio: float | None
    mark: Mark | None

    @property
    def fails(self) -> bool:
        """Whether the gate does."""
        return self.standing in FAILING


def judge(ratios: Mapping[str, float], baseline: Baseline) -> list[Verdict]:
    """One verdict for each name of either, in the order of the run, then of the baseline."""
    names = dict.fromkeys([*ratios, *baseline])
    return [
        Verdict(name, _standing(ratios.get(name), baseline.get(name)), ratios.get(name), baseline.get(name))
        for name in names
    ]


def _standing(ratio: float | None, mark: Mark | None) -> Standing:
    if ratio is None:
        return "missing"
    if mark is None:
        return "new"
    if ratio > mark.limit:
        return "slower"
    return "faster" if ratio * (1 + mark.margin) < mark.ratio else "ok"


def lowest(first: Mapping[str, float], second: Mapping[str, float]) -> dict[str, float]:
    """Both runs as one; where both measured, the lower ratio: noise only ever adds."""
    return {name: min(run[name] for run in (first, second) if name in run) for name in [*first, *second]}


def rebased(runs: Sequence[Mapping[str, float]], before: Baseline) -> dict[str, Mark]:
    """A baseline of what all runs measured: the median, with the margin that it had before."""
    return {
        name: Mark(median(run[name] for run in runs), before[name].margin if name in before else NEW_MARGIN)
        for name in runs[0]
        if all(name in run for run in runs)
    }


def spread(runs: Sequence[Mapping[str, float]], name: str) -> float:
    """How far the highest of all runs lies above the lowest: 0.1 is a tenth."""
    ratios = [run[name] for run in runs]
    return max(ratios) / min(ratios) - 1


def table(verdicts: Sequence[Verdict]) -> str:
    """The gate's table: failures last, where a reader looks first."""
    rows = [("benchmark", "ratio", "baseline", "change", "allowed", "")]
    for verdict in sorted(verdicts, key=lambda verdict: verdict.fails):
        allowed = _share(verdict.mark.margin if verdict.mark else None)
        rows.append((*_compared(verdict.name, verdict.ratio, verdict.mark), allowed, SPOKEN[verdict.standing]))
    return _aligned(rows)


def rebase_table(after: Baseline, before: Baseline, runs: Sequence[Mapping[str, float]]) -> str:
    """What a new baseline changes, and whether the runs that it comes from agree."""
    rows = [("benchmark", "new", "old", "change", "margin", "spread")]
    for name, mark in after.items():
        noisy = "  more than its margin: measure again, or widen it" if spread(runs, name) > mark.margin else ""
        cells = _compared(name, mark.ratio, before.get(name))
        rows.append((*cells, _share(mark.margin), f"{spread(runs, name):.0%}{noisy}"))
    rows += [(*_compared(name, None, mark), "–", "gone") for name, mark in before.items() if name not in after]
    return _aligned(rows)


def _compared(name: str, ratio: float | None, mark: Mark | None) -> tuple[str, str, str, str]:
    change = None if ratio is None or mark is None else ratio / mark.ratio - 1
    return name, _number(ratio), _number(mark.ratio if mark else None), _share(change)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0%}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Names to the left, numbers to the right, the last column as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:-1], widths[1:-1]), row[-1]]).rstrip() for row in rows
    )


def baseline_from_json(text: str | bytes) -> dict[str, Mark]:
    """Read what `baseline_to_json` wrote, margins perhaps edited. ValueError that says what is wrong with which entry."""
    match json.loads(text):  # its error is a ValueError
        case {"benchmarks": dict(entries)}:
            return {name: _mark(name, entry) for name, entry in entries.items()}
        case _:
            raise ValueError('{"benchmarks": {NAME: {"ratio": …, "margin": …}}} is expected')


def _mark(name: str, entry: Any) -> Mark:
    if not isinstance(entry, dict) or set(entry) != {"ratio", "margin"}:
        raise ValueError(f'{name}: {{"ratio": …, "margin": …}} is expected')
    for key, value in entry.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ValueError(f"{name}: {key} {value!r}: a number above 0 is expected")
    return Mark(entry["ratio"], entry["margin"])


def baseline_to_json(baseline: Baseline) -> str:
    """Text with a line per benchmark, sorted, four digits: what is committed."""
    lines = [
        f'    {json.dumps(name)}: {{"ratio": {mark.ratio:.4g}, "margin": {mark.margin:.4g}}}'
        for name, mark in sorted(baseline.items())
    ]
    return '{\n  "benchmarks": {\n' + ",\n".join(lines) + "\n  }\n}\n"
