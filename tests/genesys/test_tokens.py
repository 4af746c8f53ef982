from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.tokens import Token, TokenCache

NOW = 1000.0


def cache_with(life_s: float) -> TokenCache:
    cache = TokenCache()
    cache.store("first", life_s, NOW)
    return cache


def test_an_empty_cache_has_nothing():
    cache = TokenCache()
    assert (cache.fresh(NOW), cache.living(NOW), cache.seconds_left(NOW)) == (None, None, 0.0)


def test_a_long_token_is_renewed_below_300_seconds():
    cache = cache_with(3600)
    assert cache.fresh(NOW + 3300) == "first"
    assert cache.fresh(NOW + 3300.1) is None
    assert cache.living(NOW + 3300.1) == "first"
    assert cache.seconds_left(NOW + 3300) == 300


def test_a_short_token_is_renewed_at_half_its_life():
    cache = cache_with(300)
    assert cache.fresh(NOW + 150) == "first"
    assert cache.fresh(NOW + 150.1) is None


def test_a_dead_token_is_not_given():
    cache = cache_with(10)
    assert (cache.living(NOW + 10), cache.seconds_left(NOW + 11)) == (None, 0.0)
    cache.store("stillborn", 0, NOW)
    assert cache.fresh(NOW) is None


def test_a_refused_token_is_dropped_once():
    cache = cache_with(3600)
    assert cache.fresh(NOW, "first") is None
    cache.invalidate("first")
    assert cache.fresh(NOW) is None
    cache.store("second", 3600, NOW)
    cache.invalidate("first")
    assert cache.fresh(NOW, "first") == "second"


def test_a_token_does_not_show_itself():
    assert "secret" not in repr(Token("secret", 0, 1))


@given(st.floats(0.1, 200_000), st.floats(0, 300_000))
def test_a_fresh_token_always_has_life_left(life_s, later_s):
    token = Token("t", NOW, NOW + life_s)
    left_s = token.seconds_left(NOW + later_s)
    if token.is_fresh(NOW + later_s):
        assert left_s > 0
        assert left_s >= min(300, life_s / 2) - 1e-6
