from engine.genesys.topics import MAX_TOPICS, Shares, topics_of


def test_topics_of_queues_and_users_each_once():
    assert topics_of(["q", "q"], ["u"]) == ("v2.routing.queues.q.conversations.calls", "v2.users.u.conversations.calls")
    assert MAX_TOPICS == 19_000


def test_topics_fill_one_channel_after_the_other():
    shares = Shares(per_channel=2, channels=2)
    assert shares.hold(["a", "b", "c"]) == {0, 1}
    assert shares.all == [("a", "b"), ("c",)]
    assert shares.hold(["a", "b", "c"]) == frozenset()


def test_what_stays_stays_where_it_is_and_new_ones_fill_gaps():
    shares = Shares(per_channel=2, channels=2)
    shares.hold(["a", "b", "c"])
    assert shares.hold(["b", "c", "d"]) == {0}
    assert shares.all == [("b", "d"), ("c",)]


def test_what_finds_no_room_is_counted():
    shares = Shares(per_channel=1, channels=2)
    shares.hold(list("abcd"))
    assert (shares.all, shares.left_over) == ([("a",), ("b",)], 2)
    shares.hold(list("ac"))
    assert (shares.all, shares.left_over) == ([("a",), ("c",)], 0)
