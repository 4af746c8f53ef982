from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook.nonces import NonceCache

KEEP_S = 16.0


def test_a_nonce_is_taken_once():
    nonces = NonceCache(KEEP_S)
    assert nonces.take("key", "a", 1000, 1000.0)
    assert not nonces.take("key", "a", 1000, 1000.0)
    assert not nonces.take("key", "a", 1010, 1016.0)  # to the last moment
    assert nonces.take("key", "b", 1000, 1000.0)
    assert len(nonces) == 2


def test_a_nonce_is_of_one_key():
    nonces = NonceCache(KEEP_S)
    assert nonces.take("one", "a", 1000, 1000.0)
    assert nonces.take("other", "a", 1000, 1000.0)
    assert len(nonces) == 2


def test_it_is_forgotten_when_no_signature_of_it_can_be_taken_any_more():
    nonces = NonceCache(KEEP_S)
    nonces.take("key", "a", 1000, 1000.0)
    nonces.take("key", "b", 1005, 1005.0)
    assert nonces.take("key", "c", 1016, 1016.5)
    assert len(nonces) == 2  # b and c
    assert nonces.take("key", "a", 1016, 1016.5)


def test_a_full_cache_takes_what_was_signed_after_what_it_forgot():
    nonces = NonceCache(KEEP_S, capacity=2)
    assert nonces.take("key", "a", 1000, 1000.0)
    assert nonces.take("key", "b", 1002, 1002.0)
    assert nonces.take("key", "c", 1003, 1003.0)  # a is forgotten
    assert not nonces.take("key", "a", 1000, 1003.0)
    assert not nonces.take("key", "d", 1000, 1003.0)  # new, but as old as a
    assert nonces.take("key", "e", 1001, 1003.0)  # b is forgotten
    assert not nonces.take("key", "f", 1002, 1003.0)
    assert len(nonces) == 2


def test_what_was_forgotten_last_opens_no_older_second():
    nonces = NonceCache(KEEP_S, capacity=1)
    assert nonces.take("key", "a", 1005, 1003.0)  # a clock that is ahead
    assert nonces.take("key", "b", 1006, 1004.0)
    assert nonces.take("key", "c", 1007, 1004.0)
    assert not nonces.take("key", "d", 1006, 1005.0)


def test_one_key_does_not_fill_anothers_room():
    nonces = NonceCache(KEEP_S, capacity=1)
    assert nonces.take("one", "a", 1000, 1000.0)
    assert nonces.take("one", "b", 1001, 1001.0)
    assert nonces.take("other", "c", 1000, 1001.0)
    assert not nonces.take("other", "c", 1000, 1001.0)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 8), st.integers(-8, 3), st.sampled_from([0.0, 0.5, 1.0, 5.0])), max_size=60),
)
def test_nothing_is_ever_taken_twice_and_the_room_is_bounded(capacity, requests):
    """As the Authenticator asks: a nonce with the second it was signed at, while that signature can be taken."""
    age_s, skew_s, now_s = 5, 3, 1000.0
    nonces = NonceCache(age_s + 2 * skew_s, capacity)
    taken = set()
    for nonce, created, step_s in requests:
        now_s += step_s
        signed = (nonce, int(now_s) + created)
        if now_s - signed[1] <= age_s + skew_s and nonces.take("key", f"{signed}", signed[1], now_s):
            assert signed not in taken
            taken.add(signed)
        assert len(nonces) <= capacity
