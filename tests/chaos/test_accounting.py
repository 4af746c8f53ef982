"""The account with literals: a harness that can't fail shows nothing."""

from dataclasses import replace

import pytest

from tests.chaos.accounting import (
    HEARING_NS,
    LEAD_MS,
    PLACED_MS,
    TAIL_MS,
    Fate,
    Gap,
    Happenings,
    Injected,
    Receipt,
    Spoken,
    account,
    gaps_of,
)

MS = 1_000_000
S = 1000 * MS
STARTED_NS = 100 * S
A, B = "call-a", "call-b"


def said(end_ms: int, call: str = A, phrase: str = "transfer me") -> Spoken:
    return Spoken(call, "recording", phrase, end_ms - 800, end_ms, STARTED_NS + end_ms * MS)


def receipt(spoken: Spoken, key: str = "", **changes: object) -> Receipt:
    """Spotted 300 ms after its end, received 5 ms later, taken."""
    whole = Receipt(
        key=key or f"{spoken.conversation_id}/{spoken.phrase}/{spoken.end_ms}",
        conversation_id=spoken.conversation_id,
        phrase=spoken.phrase,
        spotted_ns=spoken.end_ns + 300 * MS,
        end_ns=spoken.end_ns + 40 * MS,
        end_ms=spoken.end_ms - 20,
        received_ns=spoken.end_ns + 305 * MS,
        taken=True,
        status=204,
        signature_ok=True,
    )
    return replace(whole, **changes)


SAID = (said(5000), said(35_000), said(65_000), said(5500, B, "cancel my order"))
DELIVERED = tuple(map(receipt, SAID))


def known(receipts=DELIVERED, faults=(), gaps=None, spoken=SAID, judged_ns=STARTED_NS + 1000 * S) -> Happenings:
    shards = {A: 0, B: 1}
    return Happenings(
        spoken=spoken,
        receipts=receipts,
        faults=faults,
        gaps=gaps or {},
        started_ns={A: STARTED_NS, B: STARTED_NS},
        shard_at=lambda call, _: shards[call],
        judged_ns=judged_ns,
    )


def fault(kind: str, at_ms: int, **changes: object) -> Injected:
    return Injected(0, kind, STARTED_NS + at_ms * MS, **changes)


def test_what_is_delivered_once_is_heard():
    found = account(known())
    assert [each.fate for each in found.phrases] == [Fate.HEARD] * 4
    assert (found.duplicates, found.redelivered, found.false, found.unsigned) == ((), (), (), 0)


def test_a_doctored_list_of_deliveries_shows_what_is_missing_and_what_is_too_much():
    second = receipt(SAID[3], "another key", received_ns=SAID[3].end_ns + 900 * MS)
    found = account(known((*DELIVERED[:1], *DELIVERED[2:], second)))
    assert [each.spoken for each in found.of(Fate.LOST)] == [SAID[1]]
    assert [(each.receipt, each.why) for each in found.duplicates] == [(second, "phrase")]


def test_a_key_that_is_taken_twice_is_a_duplicate():
    again = replace(DELIVERED[0], received_ns=DELIVERED[0].received_ns + S)
    found = account(known((*DELIVERED, again)))
    assert [(each.receipt, each.why) for each in found.duplicates] == [(again, "key")]
    assert found.of(Fate.LOST) == ()


def test_a_key_comes_again_by_right_where_no_answer_went_out():
    silent = replace(DELIVERED[0], status=None)
    again = replace(DELIVERED[0], received_ns=DELIVERED[0].received_ns + S)
    third = replace(again, received_ns=again.received_ns + S)
    found = account(known((silent, *DELIVERED[1:], again)))
    assert ([each for each, _ in found.redelivered], found.duplicates) == ([again], ())
    found = account(known((silent, *DELIVERED[1:], again, third)))
    assert [each.receipt for each in found.duplicates] == [third], "the second time it was answered"


def test_a_killed_supervisor_may_not_know_that_it_was_answered():
    again = replace(DELIVERED[0], received_ns=DELIVERED[0].received_ns + 4 * S)
    killed = fault("supervisor_kill", 6000, forgets=True)
    found = account(known((*DELIVERED, again), [killed]))
    assert (list(found.redelivered), found.duplicates) == ([(again, killed)], ())
    found = account(known((*DELIVERED, again), [fault("supervisor_kill", 2000, forgets=True)]))
    assert len(found.duplicates) == 1, "it was killed before"


def test_a_refused_try_is_no_delivery():
    refused = replace(DELIVERED[0], taken=False, status=500)
    later = replace(DELIVERED[0], received_ns=DELIVERED[0].received_ns + S)
    found = account(known((refused, *DELIVERED[1:], later)))
    assert len(found.of(Fate.HEARD)) == 4
    assert (found.duplicates, found.redelivered) == ((), ())
    found = account(known((refused, *DELIVERED[1:])))
    assert [each.spoken for each in found.of(Fate.LOST)] == [SAID[0]]


def test_what_a_receiver_refuses_for_good_is_not_lost():
    refused = replace(DELIVERED[0], taken=False, status=301)
    ill = fault("webhook_301", 4000)
    found = account(known((refused, *DELIVERED[1:]), [ill]))
    assert [(each.spoken, each.blamed) for each in found.of(Fate.REFUSED)] == [(SAID[0], ill)]
    later = replace(DELIVERED[0], received_ns=DELIVERED[0].received_ns + S)
    assert account(known((refused, *DELIVERED[1:], later), [ill])).of(Fate.REFUSED) == ()


def test_what_was_never_said_is_false_and_nobodys_duplicate():
    stray = receipt(said(20_000), "stray")
    late_stray = receipt(said(45_000), "late")  # within reach of the phrase before, by its moment; not by its place
    found = account(known((*DELIVERED, stray, late_stray)))
    assert (found.false, found.duplicates) == ((stray, late_stray), ())


def test_a_late_delivery_is_known_by_its_place():
    late = receipt(SAID[1], spotted_ns=SAID[1].end_ns + 5 * S, end_ns=SAID[1].end_ns + 4 * S)
    found = account(known((DELIVERED[0], late, *DELIVERED[2:])))
    assert len(found.of(Fate.HEARD)) == 4
    elsewhere = replace(late, end_ms=SAID[1].end_ms + 4000)
    found = account(known((DELIVERED[0], elsewhere, *DELIVERED[2:])))
    assert [each.spoken for each in found.of(Fate.LOST)] == [SAID[1]]
    assert found.false == (elsewhere,)


def test_a_restarted_engine_may_count_from_elsewhere():
    moved = [replace(each, end_ms=each.end_ms - 30_000) for each in DELIVERED[1:3]]
    found = account(known((DELIVERED[0], *moved, DELIVERED[3])))
    assert len(found.of(Fate.HEARD)) == 4


def placed(spoken: Spoken, channel: str = "external") -> Spoken:
    return replace(spoken, placed=True, channel=channel)


BOTH = (placed(SAID[0]), placed(SAID[0], "internal"), placed(SAID[1]), placed(SAID[2], "internal"))


def test_the_same_words_on_two_channels_are_two_phrases():
    each = [receipt(spoken, spoken.channel + str(spoken.end_ms), channel=spoken.channel) for spoken in BOTH]
    found = account(known(each, spoken=BOTH))
    assert len(found.of(Fate.HEARD)) == 4
    assert (found.duplicates, found.false) == ((), ())
    mixed_up = [replace(one, channel="external") for one in each]
    found = account(known(mixed_up, spoken=BOTH))
    assert [phrase.spoken for phrase in found.of(Fate.LOST)] == [BOTH[1], BOTH[3]]
    assert ([one.receipt.key for one in found.duplicates], found.false) == (["internal5000"], (mixed_up[3],))


def test_where_places_are_told_a_phrase_may_come_however_late_but_at_its_place():
    late = receipt(BOTH[2], spotted_ns=BOTH[2].end_ns + 20 * S, end_ns=BOTH[2].end_ns + 19 * S)
    found = account(known([late], spoken=BOTH[2:3]))
    assert [phrase.delivery for phrase in found.of(Fate.HEARD)] == [late]
    again = replace(late, key="another")
    found = account(known([late, again], spoken=BOTH[2:3]))
    assert [one.receipt for one in found.duplicates] == [again]
    for end_ms, fate in ((PLACED_MS, Fate.HEARD), (PLACED_MS + 1, Fate.LOST)):
        moved = receipt(BOTH[2], end_ms=BOTH[2].end_ms + end_ms)
        assert account(known([moved], spoken=BOTH[2:3])).phrases[0].fate is fate


GAP = Gap(34_500, 36_000)  # in the middle of the second phrase, 34.2 to 35 s


def test_what_nobody_got_is_excused_where_a_fault_explains_it():
    dropped = fault("drop", 34_400, conversation_id=A, cuts=True)
    found = account(known((DELIVERED[0], *DELIVERED[2:]), [dropped], {A: [GAP]}))
    assert [(each.spoken, each.blamed) for each in found.of(Fate.NO_AUDIO)] == [(SAID[1], dropped)]
    assert found.of(Fate.LOST) == ()


@pytest.mark.parametrize(
    "innocent",
    [
        fault("drop", 34_400, conversation_id=B, cuts=True),
        fault("worker_kill", 34_400, shard=0),
        fault("drop", 20_000, conversation_id=A, cuts=True),
        fault("drop", 36_000, conversation_id=A, cuts=True),
    ],
    ids=["another call", "cuts nothing", "long before", "after it"],
)
def test_a_gap_that_no_fault_made_excuses_nothing(innocent):
    found = account(known((DELIVERED[0], *DELIVERED[2:]), [innocent], {A: [GAP]}))
    assert [each.spoken for each in found.of(Fate.LOST)] == [SAID[1]]


@pytest.mark.parametrize(
    ("gap", "fate"),
    [
        (Gap(35_000 + TAIL_MS, 36_000), Fate.LOST),
        (Gap(35_000 + TAIL_MS - 1, 36_000), Fate.NO_AUDIO),
        (Gap(33_000, 34_200 - LEAD_MS), Fate.LOST),
        (Gap(33_000, 34_200 - LEAD_MS + 1), Fate.NO_AUDIO),
        (Gap(33_000, float("inf")), Fate.NO_AUDIO),
    ],
)
def test_a_gap_reaches_so_far(gap, fate):
    dropped = fault("drop", int(gap.from_ms), conversation_id=A, cuts=True)
    found = account(known((DELIVERED[0], *DELIVERED[2:]), [dropped], {A: [gap]}))
    assert found.phrases[1].fate is fate


def test_a_killed_supervisor_forgets_what_was_just_said():
    hearing_ms = HEARING_NS // MS
    for end_ms, fate in ((35_000 + hearing_ms, Fate.LOST), (35_000 + hearing_ms - 1, Fate.NO_AUDIO)):
        killed = fault("supervisor_kill", end_ms, cuts=True, forgets=True)
        found = account(known((DELIVERED[0], *DELIVERED[2:]), [killed], {A: [Gap(end_ms, end_ms + 3000)]}))
        assert found.phrases[1].fate is fate


def test_the_latest_fault_on_the_call_is_to_blame():
    faults = [
        fault("first", 10_000),
        fault("mine", 30_000, shard=0),
        fault("later", 36_000, conversation_id=A),
        fault("others", 36_100, shard=1),
        fault("much later", 37_000),
    ]
    found = account(known((DELIVERED[0], *DELIVERED[2:]), faults))
    assert [each.blamed.kind for each in found.of(Fate.LOST)] == ["later"]
    assert account(known((DELIVERED[0], *DELIVERED[2:]))).of(Fate.LOST)[0].blamed is None


def test_what_was_said_just_now_may_still_come():
    found = account(known(DELIVERED[:2] + DELIVERED[3:], judged_ns=SAID[1].end_ns))
    assert [each.fate for each in found.phrases] == [Fate.HEARD] * 3


def test_a_wrong_signature_is_counted():
    assert account(known((*DELIVERED[:3], replace(DELIVERED[3], signature_ok=False)))).unsigned == 1


def test_gaps_lie_between_subscriptions():
    assert gaps_of([(20, 500), (700, 900), (900, 1000)]) == [Gap(500, 700)]
    assert gaps_of([]) == []
    overlapping = [(0, 5000), (3000, 6000), (4000, 4500), (6500, 7000)]  # sessions that brought again what others had
    assert gaps_of(overlapping) == [Gap(6000, 6500)]
