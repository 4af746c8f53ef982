import asyncio

from engine.simulator.audiohook.ticker import Ticker

MS = 1_000_000


def test_things_are_done_once_in_the_order_of_their_moments():
    ticker, done = Ticker(), []
    for name, at in (("c", 3), ("a", 1), ("b", 1)):
        ticker.at(at * MS, lambda name=name: done.append(name))
    ticker.do_due(2 * MS)
    assert done == ["a", "b"]
    ticker.do_due(3 * MS)
    ticker.do_due(9 * MS)
    assert done == ["a", "b", "c"]


def test_what_is_cancelled_is_not_done_and_is_not_late():
    ticker, done = Ticker(), []
    timer = ticker.at(0, lambda: done.append(1))
    timer.cancel()
    ticker.do_due(10**12)
    assert (done, ticker.late_ns) == ([], 0)


def test_lateness_is_told():
    ticker = Ticker()
    ticker.at(0, lambda: None)
    ticker.at(0, lambda: None)
    ticker.do_due(100 * MS)
    assert (ticker.late_ns, ticker.late_count) == (100 * MS, 0)
    ticker.at(0, lambda: None)
    ticker.do_due(101 * MS)
    assert (ticker.late_ns, ticker.late_count) == (101 * MS, 1)


async def test_it_runs_wakes_for_more_and_may_be_told_more_while_it_does():
    ticker, done = Ticker(), asyncio.Event()
    running = asyncio.create_task(ticker.run())
    ticker.after(0.001, lambda: ticker.after(0.001, done.set))
    await asyncio.wait_for(done.wait(), 10)
    done.clear()
    ticker.at(0, done.set)
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()
    await asyncio.wait({running})
