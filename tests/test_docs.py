"""`docs/` says what is: its links, the settings it names, and its tables of answers are compared with the code."""

import re
from pathlib import Path

import pytest

from engine.config_layers import AUDIOHOOK_KEY, ENVIRONMENT, SECRETS, TARGET_KEYWORD, WEBHOOK_URL
from engine.genesys.audiohook.refusals import AUTH_FAULTS
from engine.intake.audiohook_call import NOT_TAKEN, TURNED_OUT
from engine.options import AudioHookOptions, FleetOptions

ROOT = Path(__file__).parents[1]
PAPERS = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "deploy/README.md"]
AUDIOHOOK = (ROOT / "docs" / "audiohook.md").read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_lead_somewhere(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        if target.startswith("http"):
            continue
        found = (paper.parent / target) if target else paper
        assert found.exists(), target
        assert not anchor or anchor in anchors(found.read_text(encoding="utf-8")), anchor


def test_every_setting_of_the_fleet_that_is_named_exists() -> None:
    names = {*ENVIRONMENT, WEBHOOK_URL, *(f"{name}_FILE" for name in SECRETS)}
    text = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\b(?:CUELINE|GENESYS)_[A-Z_]+\b", text)) <= names
    assert set(re.findall(r"`fleet\.([a-z_]+)`", text)) <= set(FleetOptions.model_fields)
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(\w+)`? \|", text, re.MULTILINE))
    options = FleetOptions()
    assert (rows["CUELINE_FLEET"], float(rows["CUELINE_LEASE_S"])) == (options.name, options.lease_s)


def test_every_setting_that_is_named_exists() -> None:
    names = {*ENVIRONMENT, *AUDIOHOOK_KEY, TARGET_KEYWORD, *(f"{name}_FILE" for name in SECRETS)}
    assert set(re.findall(r"\b(?:CUELINE|GENESYS)_[A-Z_]+\b", AUDIOHOOK)) <= names
    named = set(re.findall(r"`audiohook\.([a-z_]+)", AUDIOHOOK))
    assert named <= set(AudioHookOptions.model_fields)


def test_the_limits_are_the_defaults() -> None:
    options = AudioHookOptions()
    rows = {
        line.split("|")[2].strip(): line.split("|")[3].strip()
        for line in AUDIOHOOK.splitlines()
        if "| Cueline |" in line
    }
    for name in ("open_timeout_s", "silence_timeout_s", "close_timeout_s"):
        (row,) = [value for value in rows.values() if name in value]
        assert row.startswith(f"{getattr(options, name):g} s")


def test_every_refusal_has_its_row() -> None:
    cells = [line.split("|")[2] for line in AUDIOHOOK.splitlines() if re.match(r"\| (4|5)\d\d \|", line)]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {*AUTH_FAULTS, "address", "path", "connections"}


def test_every_disconnect_has_its_row() -> None:
    told = {("error", "internal error"), *TURNED_OUT.values(), *NOT_TAKEN.values()}
    for reason, info in told:
        assert f'| `{reason}`, "{info}" |' in AUDIOHOOK, info


def test_the_sizes_follow_from_the_formulas() -> None:
    text = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| (\d+)(, as two engines)? \| ([\d.]+) GB \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for calls_text, cores, two, memory in rows:
        calls = int(calls_text.replace(",", ""))
        assert int(cores) == -(-calls // 50)
        needed_gb = 1.2 * (250 * (2 if two else 1) + 10 * int(cores) + 1.7 * calls) / 1000
        assert float(memory) == pytest.approx(needed_gb, abs=0.05)
