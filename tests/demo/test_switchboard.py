"""Lines and calls by literals: when a call is due, asked for again, and followed by the next."""

from engine.demo.switchboard import ALL_WITHIN_S, APART_S, PATIENCE_S, PAUSES_S, Switchboard


def begun(lines: int = 1) -> Switchboard:
    """Every line has a call, named by its number, since second 100."""
    board = Switchboard(lines, 0.0)
    for number, line in enumerate(list(board.due(100.0))):
        board.begin(line, str(number), 100.0)
    return board


def test_lines_begin_one_after_the_other():
    board = Switchboard(3, 10.0)
    assert [line.next_at_s for line in board.lines] == [10.0, 10.0 + APART_S, 10.0 + 2 * APART_S]
    assert [len(list(board.due(now_s))) for now_s in (9.9, 10.0, 10.0 + APART_S, 99.0)] == [0, 1, 2, 3]


def test_many_lines_do_not_take_long_to_begin():
    board = Switchboard(200, 0.0)
    assert board.lines[-1].next_at_s < ALL_WITHIN_S


def test_a_call_is_followed_by_another_after_a_pause():
    board = begun()
    (line,) = board.lines
    assert board.placed == 1
    for pause_s in (*PAUSES_S, PAUSES_S[0]):
        board.look(110.0, {line.call: "live"})
        assert not list(board.due(999.0))
        board.look(130.0, {line.call: "ended"})
        assert (line.call, line.next_at_s) == (None, 130.0 + pause_s)
        assert list(board.due(130.0 + pause_s)) == [line]
        board.begin(line, "next", 130.0)
    assert board.placed == len(PAUSES_S) + 2


def test_a_call_that_nobody_knows_any_more_has_ended():
    board = begun()
    board.look(130.0, {})
    assert board.lines[0].call is None


def test_the_engine_is_asked_until_it_takes_the_call():
    board = begun(2)
    first, second = board.lines
    waiting = {"0": "waiting", "1": "waiting"}
    assert list(board.unheard(101.0, waiting)) == [first, second]
    board.took(first, 101.0, taken=True)
    board.took(second, 101.0, taken=False)
    assert list(board.unheard(102.0, waiting)) == [second]
    assert list(board.unheard(102.0, waiting | {"1": "live"})) == []
    assert list(board.unheard(101.0 + PATIENCE_S, waiting | {"1": "live"})) == [first], "it seems to have lost it"
    assert list(Switchboard(1, 0.0).unheard(1.0, waiting)) == []
