from typing import get_args

import pytest

from engine.genesys.audiohook import messages
from engine.genesys.audiohook.decoding import EnvelopeFault
from engine.genesys.audiohook.numbering import NumberFault
from engine.genesys.audiohook.states import FAULTS, OURS, OVERS, PEER, SILENT, WAITS, Audio, Breach, Break, Drop, State

KINDS = {*get_args(messages.ClientMessage), Audio}
ENDING = {State.DISCONNECTING, State.CLOSING, State.CLOSED, State.OVER}
LIFE = [
    State.OPENING,
    State.ASKED,
    State.OPEN,
    State.PAUSED,
    State.DISCONNECTING,
    State.CLOSING,
    State.CLOSED,
    State.OVER,
]


def test_the_law_has_an_answer_to_everything():
    assert set(PEER) == {(state, kind) for state in State for kind in KINDS}


def test_the_columns_stand_as_the_states_do():
    assert list(State) == LIFE


def test_nobody_goes_back_but_from_a_pause():
    for (state, kind), law in PEER.items():
        if isinstance(law, State) and LIFE.index(law) < LIFE.index(state):
            assert (state, kind, law) == (State.PAUSED, messages.Resumed, State.OPEN)


def test_a_fault_breaks_what_is_not_ending_already():
    assert set(SILENT) == ENDING
    assert not any(isinstance(law, Break) for (state, _), law in PEER.items() if state in ENDING)


@pytest.mark.parametrize("state", LIFE[:-1])
def test_a_ping_is_answered_in_every_state(state):
    assert PEER[state, messages.Ping] is state


@pytest.mark.parametrize("state", LIFE[:-1])
def test_whoever_closes_is_let_go(state):
    assert PEER[state, messages.Close] in {State.CLOSING, State.CLOSED, Drop("repeated")}


def test_audio_is_taken_while_open_alone():
    assert [state for state in State if PEER[state, Audio] is state] == [State.OPEN]


def test_nothing_is_taken_once_it_is_over():
    assert {PEER[State.OVER, kind] for kind in KINDS} == {Drop("after_close")}


def test_every_message_of_ours_has_its_law_but_the_pong():
    assert set(OURS) == set(get_args(messages.ServerMessage)) - {messages.Pong}


def test_we_say_nothing_once_it_is_closed():
    assert not any({State.CLOSED, State.OVER} & states for states in OURS.values())


def test_every_state_but_the_last_has_a_limit():
    assert set(WAITS) == set(State) - {State.OVER}


def test_whoever_is_silent_too_long_before_its_end_is_told_so():
    early = {wait.over for state, wait in WAITS.items() if state not in ENDING}
    assert set(OVERS) == early
    assert not early & {wait.over for state, wait in WAITS.items() if state in ENDING}


def test_every_fault_has_words():
    assert set(FAULTS) == {name for kind in (EnvelopeFault, NumberFault, Breach) for name in get_args(kind)}
    assert all(words.isprintable() and len(words) < 100 for words in FAULTS.values())
