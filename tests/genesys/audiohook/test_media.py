import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook.media import choose, media_of

BOTH = frozenset({"external", "internal"})


def offer(coding="PCMU", channels=("external", "internal"), **more):
    return {"type": "audio", "format": coding, "channels": list(channels), "rate": 8000, **more}


@pytest.mark.parametrize(
    ("entry", "frame"),
    [
        (offer(), 2),
        (offer(channels=("internal", "external")), 2),
        (offer(channels=("internal",)), 1),
        (offer("L16"), 4),
        (offer("L16", ("external",)), 2),
    ],
)
def test_what_is_known(entry, frame):
    media = media_of(entry)
    assert (media.format, list(media.channels)) == (entry["format"], entry["channels"])
    assert media.bytes_per_sample_frame == frame
    assert media.raw is entry


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "PCMU",
        [],
        {},
        offer(type="video"),
        offer(rate=16000),
        offer(rate="8000"),
        offer("OPUS"),
        offer("pcmu"),
        offer(["PCMU"]),
        offer(channels=()),
        offer(channels=("external", "external")),
        offer(channels=("external", "internal", "internal")),
        offer(channels=("left",)),
        {**offer(), "channels": "external"},
        {**offer(), "channels": [["external"]]},
        {**offer(), "channels": {"external": 1}},
    ],
)
def test_what_is_not_known(entry):
    assert media_of(entry) is None


STEREO, INVERTED = offer(), offer(channels=("internal", "external"))
EXTERNAL, INTERNAL = offer(channels=("external",)), offer(channels=("internal",))
WIDE = offer("L16")


@pytest.mark.parametrize(
    ("offers", "wanted", "taken"),
    [
        ([STEREO, EXTERNAL, INTERNAL], BOTH, STEREO),
        ([INTERNAL, EXTERNAL, STEREO], BOTH, STEREO),  # in reverse order
        ([INVERTED, STEREO], BOTH, INVERTED),  # the peer's order
        ([STEREO, INVERTED], BOTH, STEREO),
        ([STEREO, EXTERNAL, INTERNAL], {"external"}, EXTERNAL),  # fewest others
        ([STEREO, EXTERNAL, INTERNAL], {"internal"}, INTERNAL),
        ([STEREO], {"internal"}, STEREO),
        ([INTERNAL, EXTERNAL], BOTH, INTERNAL),
        ([WIDE, STEREO], BOTH, STEREO),  # µ-law first
        ([WIDE, EXTERNAL], BOTH, WIDE),  # but channels before that
        ([offer("L16", ("external",)), STEREO], {"external"}, STEREO),
        ([INTERNAL], {"external"}, INTERNAL),  # better than nothing
        ([], BOTH, None),
    ],
)
def test_what_is_chosen(offers, wanted, taken):
    chosen = choose([media_of(entry) for entry in offers], frozenset(wanted))
    assert (chosen and chosen.raw) is taken


entries = st.builds(
    offer,
    st.sampled_from(["PCMU", "L16"]),
    st.sampled_from([("external",), ("internal",), ("external", "internal"), ("internal", "external")]),
)


@given(st.lists(entries, min_size=1), st.sets(st.sampled_from(sorted(BOTH))))
def test_one_of_the_offers_and_no_other_has_more_of_what_is_wanted(offers, wanted):
    media = [media_of(entry) for entry in offers]
    chosen = choose(media, frozenset(wanted))
    assert any(chosen is one for one in media)
    assert all(len(wanted & {*one.channels}) <= len(wanted & {*chosen.channels}) for one in media)
