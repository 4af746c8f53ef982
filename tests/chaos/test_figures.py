from dataclasses import replace

from tests.chaos.accounting import Account, Duplicate, Fate, Injected, Phrase
from tests.chaos.figures import Added, Costs, Course, Row, costs_of, faults_found, rows
from tests.chaos.test_accounting import DELIVERED, MS, SAID, A, B, S, fault, known, receipt, said
from tests.chaos.views import document, sentences, table_of

KILL = Injected(0, "worker_kill", 10 * S, shard=0, recovered_ns=10 * S + 80 * MS)
STOP = Injected(1, "worker_stop", 20 * S, shard=0)
QUIET = Course((), (), (), 0, 0, 0, 0)


def phrase(fate: Fate, blamed: Injected | None = None) -> Phrase:
    return Phrase(SAID[0], fate, None, blamed)


def test_rows_count_what_each_kind_is_to_blame_for():
    found = Account(
        phrases=(phrase(Fate.LOST, KILL), phrase(Fate.NO_AUDIO, STOP), phrase(Fate.REFUSED, KILL), phrase(Fate.HEARD)),
        duplicates=(Duplicate(DELIVERED[0], "key", STOP),),
        redelivered=((DELIVERED[0], KILL),),
        false=(),
        refused_keys=1,
        unsigned=0,
    )
    assert rows([KILL, STOP], found, ["worker_kill", "worker_stop", "never struck"]) == [
        Row("worker_kill", 1, 1, 0, 0, 1, 1, (80.0,)),
        Row("worker_stop", 1, 0, 1, 1, 0, 0, ()),
    ]
    nobody = replace(found, phrases=(phrase(Fate.LOST),), duplicates=(), redelivered=())
    assert rows([KILL], nobody, ["worker_kill"])[-1] == Row("", 0, 1, 0, 0, 0, 0, ())


def test_the_verdict_names_all_that_is_wrong():
    found = Account((phrase(Fate.LOST),), (Duplicate(DELIVERED[0], "phrase", None),), (), (), 0, 2)
    table = [Row("worker_stop", 3, 0, 0, 0, 0, 0, (1.0, 2.0))]
    course = Course(("transfer me in call-01",), ("python -m engine",), ("A client was told nonsense.",), 4, 5, 6, 7)
    said_of_it = " ".join(faults_found(table, found, course, Added(9, 10.0, 501.0)))
    for words in (
        "1 phrases were lost",
        "1 deliveries were duplicates",
        "2 requests were not signed",
        "transfer me in call-01",
        "worker_stop: 1 of 3 never recovered",
        "4 conversations were not resumed",
        "5 requests",
        "6 frames",
        "0 commands were refused for good, but 7",
        "python -m engine",
        "A client was told nonsense.",
        "501 ms",
    ):
        assert words in said_of_it
    clean = Account((phrase(Fate.HEARD), phrase(Fate.NO_AUDIO, KILL)), (), (), (), 0, 0)
    assert list(faults_found([Row("worker_kill", 1, 0, 0, 0, 0, 0, (80.0,))], clean, QUIET, Added(1, 1.0, 500.0))) == []


def lagging(end_ms: int, lag_ms: int, call: str = A):
    spoken = said(end_ms, call)
    return spoken, receipt(spoken, spotted_ns=spoken.end_ns + lag_ms * MS)


def test_what_a_death_costs_is_told_by_shard():
    """A is on shard 0, whose worker dies at 65.1 s; B on shard 1. In peace they lag 300 ms, give or take 20."""
    pairs = [lagging(5000, 280), lagging(35_000, 320), lagging(65_000, 700)]
    pairs += [lagging(5000, 300, B), lagging(35_000, 300, B), lagging(65_000, 310, B)]
    death = fault("worker_kill", 65_100, shard=0, recovered_ns=pairs[2][0].end_ns + 300 * MS)
    spoken, receipts = zip(*pairs, strict=True)
    from tests.chaos.accounting import account

    happened = known(receipts, [death], spoken=spoken)
    costs = costs_of(happened, account(happened))
    assert costs == Costs(own=Added(1, 400.0, 400.0), others=Added(1, 10.0, 10.0), peace=Added(4, 0.0, 20.0))
    meanwhile = replace(death, number=2, kind="cpu_hog", shard=None)
    happened = known(receipts, [death, meanwhile], spoken=spoken)
    assert costs_of(happened, account(happened)).own == Added(0, None, None), "the hog may be to blame"


def test_everything_is_shown_and_told_as_json():
    from tests.chaos.accounting import account

    happened = known((*DELIVERED[1:], DELIVERED[2]), [KILL])
    found = account(happened)
    table = rows(happened.faults, found, ["worker_kill"])
    costs = costs_of(happened, found)
    assert table_of("title", table).row_count == 2
    assert "4 phrases spoken, 3 delivered" in sentences(found, costs, 2, 60.0)[0]
    whole = document(happened, found, table, costs, ["bad"], 7)
    assert (whole["lost"], whole["heard"], whole["seed"], len(whole["not_heard"])) == (1, 3, 7, 1)
