from array import array

from engine.simulator.audiohook.tally import Tally, spread


def test_percentiles_by_nearest_rank():
    assert spread(array("d", range(1, 1001))) == {"count": 1000, "p50": 500, "p99": 990, "p999": 999, "max": 1000}
    assert spread(array("d", [7.0])) == {"count": 1, "p50": 7, "p99": 7, "p999": 7, "max": 7}
    assert spread(array("d")) == {"count": 0}


def test_sessions_are_refused_or_lost_or_neither():
    tally = Tally()
    tally.end("end", opened=True)
    tally.end("disconnect_completed", opened=True)
    tally.end("aborted", opened=True)
    assert tally.sound
    tally.end("upgrade_401", opened=False)
    assert (dict(tally.refused), tally.sound) == ({"upgrade_401": 1}, True)
    tally.end("pong_timeout", opened=True)
    assert (tally.summary()["lost"], tally.sound) == (1, False)


def test_sentences_are_told_once_and_counted_and_bounded():
    told = []
    tally = Tally(tell=told.append)
    for _ in range(2):
        tally.end("no_connection", opened=False, why="can't connect: refused")
    tally.end("end", opened=True, why="not told: it ended as it should")
    tally.end("disconnect_error", opened=False, why="no\x1b[2J" + 300 * "x")
    assert told[0] == "no_connection: can't connect: refused"
    assert told[1].startswith("disconnect_error: no?[2Jxxx")
    assert [len(told), len(told[1])] == [2, 200]
    assert tally.summary()["why"] == {told[0]: 2, told[1]: 1}
    for number in range(100):
        tally.end("disconnect_error", opened=False, why=str(number))
    assert len(tally.why) == len(told) == 20


def test_calls_given_up_and_servers_that_do_wrong_are_not_sound():
    assert not Tally(given_up=1).sound
    wrong = Tally()
    wrong.server_faults["not JSON"] += 1
    assert not wrong.sound
