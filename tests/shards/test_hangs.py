import pytest

from engine.shards.hangs import HangJudge, ProcessLook, is_starved

S = 10**9


@pytest.mark.parametrize(
    ("state", "cpu_s", "starved"),
    [
        ("R", 0.0, True),  # wants to run and gets nothing
        ("R", 0.7, True),
        ("R", 0.75, False),  # half of 1.5 s: it computes, and comes to no end
        ("R", 1.5, False),
        ("D", 0.0, True),  # waits for a disk: swapping
        ("S", 0.0, False),  # sleeps: waits for what does not come
        ("T", 0.0, False),  # stopped
        ("t", 0.0, False),  # stopped by a debugger
        ("Z", 0.0, False),
    ],
)
def test_the_law(state, cpu_s, starved):
    assert is_starved(state, cpu_s, 1.5) is starved


class Worker:
    """A process as /proc shows it; counts the looks."""

    def __init__(self, state="S", cpu_s=0.0):
        self.state, self.cpu_s, self.looks = state, cpu_s, 0

    def look(self):
        self.looks += 1
        return ProcessLook(self.state, self.cpu_s) if self.state else None


def checked(worker, *silences_s, timeout_s=1.5):
    """The verdicts of one judge at these seconds of silence."""
    judge = HangJudge(timeout_s)
    return [judge.hangs(100 * S, round((100 + silent_s) * S), worker.look) for silent_s in silences_s]


def test_a_worker_with_a_heartbeat_is_not_even_looked_at():
    worker = Worker("T")
    assert checked(worker, 0, 0.25, 0.5, 0.75) == [False] * 4
    assert worker.looks == 0


@pytest.mark.parametrize("state", ["T", "t", "S"])
def test_one_that_does_not_want_to_run_hangs_at_the_timeout(state):
    assert checked(Worker(state), 1.0, 1.25, 1.5, 1.51) == [False, False, False, True]
    assert checked(Worker(state), 1.75) == [True], "also at the first look"


def test_one_that_computes_hangs_at_the_timeout():
    worker, judge = Worker("R", 40.0), HangJudge(1.5)
    assert not judge.hangs(100 * S, 101 * S, worker.look)
    worker.cpu_s = 40.6  # of 0.75 s
    assert judge.hangs(100 * S, round(101.75 * S), worker.look)


def test_one_that_gets_no_processor_is_given_five_times_as_long():
    assert checked(Worker("R", 40.0), 1.0, 1.75, 4, 7.5, 7.51) == [False, False, False, False, True]


def test_one_that_would_run_is_judged_between_two_looks_only():
    worker, judge = Worker("R", 40.0), HangJudge(0.3)
    assert not judge.hangs(0, 1 * S, worker.look)
    worker.cpu_s += 0.2
    assert judge.hangs(0, round(1.25 * S), worker.look)


def test_each_heartbeat_begins_anew():
    worker, judge = Worker("R", 40.0), HangJudge(1.5)
    assert not judge.hangs(100 * S, 101 * S, worker.look)
    worker.cpu_s = 41.0  # it lived on, and had its heartbeat
    assert not judge.hangs(round(101.2 * S), 102 * S, worker.look)
    worker.cpu_s = 41.1
    assert not judge.hangs(round(101.2 * S), 103 * S, worker.look), "0.1 of 1 s since that heartbeat's first look"


def test_one_that_is_gone_is_not_hung():
    assert checked(Worker(""), 1.0, 2.0, 20.0) == [False] * 3
