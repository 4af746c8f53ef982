"""Signals to this very process."""

import asyncio
import os
import signal

import pytest

from engine.interrupts import SIGNALS, Interrupts
from tests.support.waiting import until


@pytest.fixture
def not_ignored(number):
    """Also where the tests themselves run under nohup."""
    before = signal.signal(number, signal.SIG_DFL)
    yield
    signal.signal(number, before)


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_cancels_and_the_second_hurries(number, not_ignored):
    seen: list[Interrupts] = []
    hurried = asyncio.Event()

    async def work() -> None:
        with Interrupts() as interrupts:
            seen.append(interrupts)
            try:
                await asyncio.Event().wait()
            finally:
                await interrupts.hurry.wait()
                hurried.set()

    task = asyncio.create_task(work())
    await until(lambda: seen)
    os.kill(os.getpid(), number)
    await until(lambda: seen[0].number is not None)
    assert not hurried.is_set()
    os.kill(os.getpid(), number)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (seen[0].number, hurried.is_set()) == (number, True)


async def test_afterwards_signals_mean_what_they_meant():
    with Interrupts():
        pass
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_nohup_has_its_will():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            assert interrupts.number is None
    finally:
        signal.signal(signal.SIGHUP, before)
