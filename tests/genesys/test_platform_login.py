import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.genesys.platform_login import Login, LoginError
from engine.genesys.platform_retry import TRIES, Budget


class Server:
    """Gives t1, t2, …; counts; fails while `error` is set; answers only once `open` is."""

    def __init__(self, life_s=3600.0):
        self.life_s = life_s
        self.tries = []
        self.error = None
        self.open = threading.Event()
        self.open.set()

    def __call__(self, budget, tries):
        self.tries.append(tries)
        assert self.open.wait(10)
        if self.error is not None:
            raise self.error
        return f"t{len(self.tries)}", self.life_s


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def renewed():
    return []


@pytest.fixture
def failed():
    return []


@pytest.fixture
def login(server, renewed, failed):
    return Login(server, renewed.append, lambda: failed.append(1))


def budget(seconds=10.0):
    return Budget(time.monotonic() + seconds, 0.01)


def test_all_threads_share_one_renewal(login, server, renewed):
    server.open.clear()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(login.token, budget()) for _ in range(8)]
        server.open.set()
        assert {future.result(10) for future in waiting} == {"t1"}
    assert server.tries == [TRIES]
    assert 3590 < renewed[0] - time.monotonic() <= 3600


def test_a_refused_token_is_replaced_and_an_older_one_is_not(login, server):
    assert login.token(budget()) == "t1"
    assert login.token(budget(), "t1") == "t2"
    assert login.token(budget(), "t1") == "t2"
    assert len(server.tries) == 2


def test_a_failure_is_shared_by_those_who_come_just_after(login, server, failed):
    server.error = LoginError("refused", status=401, happened="no")
    errors = []
    for _ in range(3):
        with pytest.raises(LoginError, match="refused") as caught:
            login.token(budget())
        errors.append(caught.value)
    assert len(server.tries) == 1
    assert {error.status for error in errors} == {401}
    assert len(failed) == 1


def test_a_token_that_still_lives_outlasts_a_failed_renewal(server, renewed, failed):
    server.life_s = 0.6
    login = Login(server, renewed.append, lambda: failed.append(1))
    assert login.token(budget()) == "t1"
    server.error = LoginError("down", status=503, happened="no")
    while login._cache.fresh(time.monotonic()):
        threading.Event().wait(0.01)
    assert [login.token(budget()) for _ in range(3)] == ["t1"] * 3
    assert server.tries == [TRIES, 1]  # one quick try, then held
    assert len(failed) == 1


def test_waiting_for_another_threads_renewal_ends_with_the_budget(login, server):
    server.open.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(login.token, budget())
        while not server.tries:
            threading.Event().wait(0.01)
        with pytest.raises(LoginError, match="No time was left"):
            login.token(budget(0.05))
        server.open.set()
        assert first.result(10) == "t1"
