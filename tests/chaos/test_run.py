"""What the run makes of the simulator's reports, and what a user of the command meets."""

import typer
from typer.testing import CliRunner

from engine.simulator.call import Sent
from engine.simulator.options import Said
from tests.chaos.__main__ import main
from tests.chaos.accounting import Gap
from tests.chaos.kinds import KINDS
from tests.chaos.plant import ChaosCall, quotable_speech
from tests.chaos.run import clients_complaints, gaps_in, spoken_in
from tests.support.engine import ROOT

MS = 1_000_000
CALL = ChaosCall(
    conversation_id="c",
    name="call-01 #2",
    started_ns=1000 * MS,
    duration_ms=10_000,
    said=(Said(phrase="transfer me", start_ms=4000, end_ms=5000),),
    sent=(Sent(20, 6000), Sent(7000, 15_900)),
)


def test_what_was_said_goes_on_from_round_to_round():
    spoken = spoken_in(CALL, 16_000 * MS)
    assert [(each.recording, each.start_ms, each.end_ms, each.end_ns) for each in spoken] == [
        ("call-01", 4000, 5000, 6000 * MS),
        ("call-01", 14_000, 15_000, 16_000 * MS),
    ]
    assert spoken_in(CALL, 16_000 * MS - 1) == spoken[:1]


def test_what_is_said_by_audiohook_has_its_channel_and_a_place_that_the_engine_knows():
    both = (Said(phrase="transfer me", start_ms=4000, end_ms=5000, channel="internal"),)
    call = CALL.model_copy(update={"name": "call-01+call-02 #2", "said": both, "participant_id": "p"})
    [first, _] = spoken_in(call, 16_000 * MS)
    assert (first.channel, first.placed, first.recording) == ("internal", True, "call-01+call-02 internal")
    assert not spoken_in(CALL, 6000 * MS)[0].placed


def test_clients_complain_of_what_the_engine_does_wrong():
    assert clients_complaints({"server_faults": {}, "unsolicited": {}, "given_up": 0}) == []
    found = clients_complaints({"server_faults": {"opened twice": 1}, "unsolicited": {"event": 2}, "given_up": 3})
    assert [word in said for word, said in zip(("opened twice", "event", "3 AudioHook calls"), found, strict=True)] == [
        True
    ] * 3


def test_gaps_are_between_subscriptions_and_after_one_that_gets_nothing_any_more():
    assert gaps_in(CALL, 17_000 * MS) == [Gap(6000, 7000)]
    assert gaps_in(CALL, 18_000 * MS) == [Gap(6000, 7000), Gap(15_900, float("inf"))]


def test_what_is_played_says_no_phrase_twice_in_a_round(tmp_path):
    import json

    folder = quotable_speech(tmp_path / "speech")
    calls = json.loads((folder / "manifest.json").read_text())["calls"]
    assert len(calls) == 13
    for call in calls:
        phrases = [said["phrase"] for said in call["said"]]
        assert len(phrases) == len(set(phrases)) > 0
        assert (folder / call["file"]).is_file()


def test_an_unknown_kind_is_answered_with_the_known_ones():
    app = typer.Typer()
    app.command()(main)
    for words in (["--kinds", "worker_kil"], ["--without", "drops"], ["--kinds", "drop", "--without", "drop"]):
        found = CliRunner().invoke(app, words)
        assert found.exit_code == 2
        assert "supervisor_kill" in found.output


def test_the_readme_has_a_row_for_each_kind():
    text = (ROOT / "tests/chaos/README.md").read_text()
    for kind in KINDS.values():
        assert f"| `{kind.name}` | {kind.says} |" in text
        assert f"{len(KINDS)} kinds" in text
