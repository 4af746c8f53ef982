from engine.simulator.tokens import TokenStore


def test_a_token_is_valid_until_its_time_is_over():
    store = TokenStore(ttl_s=10, rate_limit_per_min=5)
    token = store.issue(0)
    assert store.valid(token, 9_999)
    assert not store.valid(token, 10_000)
    assert not store.valid("made-up", 0)


def test_all_tokens_can_be_expired_and_new_ones_are_valid():
    store = TokenStore(10, 5)
    old = store.issue(0)
    store.expire_all()
    assert not store.valid(old, 1)
    assert store.valid(store.issue(1), 2)


def test_tokens_differ_and_expired_ones_are_forgotten():
    store = TokenStore(1, 5)
    tokens = {store.issue(at * 2000) for at in range(50)}
    assert len(tokens) == 50
    assert len(store._tokens) == 1


def test_requests_beyond_the_limit_are_too_many_until_the_window_is_over():
    store = TokenStore(1000, rate_limit_per_min=2)
    token = store.issue(0)
    readings = [store.hit(token, at) for at in (70_000, 70_001, 100_500)]
    assert [reading.exceeded for reading in readings] == [False, False, True]
    assert readings[2].headers() == {
        "inin-ratelimit-count": "3",
        "inin-ratelimit-allowed": "2",
        "inin-ratelimit-reset": "30",
    }
    assert not store.hit(token, 130_000).exceeded


def test_each_token_has_its_own_window():
    store = TokenStore(1000, rate_limit_per_min=1)
    one, two = store.issue(0), store.issue(0)
    assert not store.hit(one, 1).exceeded
    assert not store.hit(two, 1).exceeded


def test_a_token_is_its_clients():
    store = TokenStore(1, 5)
    token = store.issue(0, "node-1")
    assert (store.client_of(token), store.client_of("made-up")) == ("node-1", "")
