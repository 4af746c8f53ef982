import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.simulator.faults import FAULTS, KNOWS_CONVERSATION, FaultBoard, parse_fault
from engine.simulator.options import FaultOptions


def board(*faults: FaultOptions, now_ms: float = 0) -> FaultBoard:
    made = FaultBoard()
    for fault in faults:
        made.arm(fault, now_ms)
    return made


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("api_500", {}),
        ("api_500:3", {"count": 3}),
        ("drop_mid_call@abc-1", {"conversation_id": "abc-1"}),
        ("drop_mid_call+1500:2@abc-1", {"after_ms": 1500, "count": 2, "conversation_id": "abc-1"}),
    ],
)
def test_faults_are_read_from_text(text, fields):
    name = text.split("+")[0].split(":")[0].split("@")[0]
    assert parse_fault(text) == FaultOptions(name=name, **fields)


@pytest.mark.parametrize(
    "text",
    ["silence+\u0663", "", "api_500:", "api_500:0", "api_500:x", "api_500@", "api_500+", "api 500", "api_500:1:2"],
)
def test_wrong_text_says_what_to_write(text):
    with pytest.raises(ConfigError, match=r"NAME\[\+AFTER_MS\]\[:COUNT\]"):
        parse_fault(text)


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no such fault; there are .*drop_mid_call"):
        parse_fault("drop_mid_cal")


@pytest.mark.parametrize("name", [name for name, row in FAULTS.items() if row.stage not in KNOWS_CONVERSATION])
def test_faults_before_a_conversation_is_known_take_none(name):
    with pytest.raises(ConfigError, match="before a conversation is known"):
        parse_fault(f"{name}@abc")


def test_every_fault_says_what_it_does():
    assert all(row.says for row in FAULTS.values())
    assert all(row.status for row in FAULTS.values() if row.effect in ("answer", "close"))
    assert all(row.payload for row in FAULTS.values() if row.effect in ("extra", "raw"))
    assert len(FAULTS["huge_message"].payload) == 64 * 1024 + 1


def test_a_fault_strikes_as_often_as_it_was_told():
    armed = board(FaultOptions(name="api_500", count=2))
    assert armed.active("api")
    assert [armed.take("api", 0) is not None for _ in range(3)] == [True, True, False]
    assert not armed.active("api")
    assert [(each.name, each.left) for each in armed.report()] == [("api_500", 0)]


def test_a_fault_strikes_only_its_stage_and_its_conversation():
    armed = board(FaultOptions(name="api_404", conversation_id="a"))
    assert armed.take("stream", 0, "a") is None
    assert armed.take("api", 0, "b") is None
    assert armed.take("api", 0) is None
    assert armed.take("api", 0, "a") == ("api_404", FAULTS["api_404"])


def test_faults_of_one_stage_strike_in_the_order_of_arming():
    armed = board(FaultOptions(name="api_500"), FaultOptions(name="api_401"))
    assert [armed.take("api", 0)[0] for _ in range(2)] == ["api_500", "api_401"]


def test_waiting_is_counted_from_arming_but_in_audio_for_the_stream():
    armed = board(FaultOptions(name="api_500", after_ms=100), FaultOptions(name="silence", after_ms=100), now_ms=1000)
    assert armed.take("api", 1099) is None
    assert armed.take("api", 1100) is not None
    assert armed.take("stream", 99, "a") is None
    assert armed.take("stream", 100, "a") is not None


@given(st.lists(st.tuples(st.sampled_from(sorted(FAULTS)), st.integers(1, 4)), max_size=12))
def test_everything_armed_strikes_exactly_its_count(faults):
    armed = board(*(FaultOptions(name=name, count=count) for name, count in faults))
    struck = []
    for stage in {row.stage for row in FAULTS.values()}:
        while found := armed.take(stage, 0):
            struck.append(found[0])
    assert sorted(struck) == sorted(name for name, count in faults for _ in range(count))
    assert all(each.left == 0 for each in armed.report())


@pytest.mark.parametrize(
    ("text", "says"), [("silence:" + "9" * 5000, "count: "), ("silence+" + "9" * 400, "after_ms: ")]
)
def test_numbers_that_are_too_large_are_named(text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        parse_fault(text)
    assert len(str(caught.value)) < 300
