import json

from hypothesis import given
from hypothesis import strategies as st

from engine.genesys.audiohook import messages
from engine.genesys.audiohook.decoding import read
from engine.genesys.audiohook.numbering import Numbering
from tests.genesys.audiohook.client import NULL, SESSION, text


def check(numbering, seq, serverseq=0, **fields):
    return numbering.check(read(text("ping", seq, serverseq, **fields)))


def test_numbers_go_up_by_one():
    numbering = Numbering(SESSION)
    assert [check(numbering, seq) for seq in (0 + 1, 2, 3)] == [None, "seq", "seq"]
    numbering.seen(read(text("ping", 1)))
    assert [check(numbering, seq) for seq in (1, 2, 3)] == ["seq", None, "seq"]


def test_nobody_sees_what_was_not_sent():
    numbering = Numbering(SESSION)
    assert check(numbering, 1, 1) == "serverseq"
    numbering.send(messages.Pong())
    assert [check(numbering, 1, serverseq) for serverseq in (0, 1, 2)] == [None, None, "serverseq"]


def test_ids_of_other_sessions():
    numbering = Numbering(SESSION)
    assert check(numbering, 1, id=NULL) == "id"
    assert check(numbering, 1, id="") == "id"


def test_the_first_fault_is_the_one_that_is_told():
    assert check(Numbering(SESSION), 2, 7, id=NULL) == "seq"
    assert check(Numbering(SESSION), 1, 7, id=NULL) == "serverseq"


def test_an_id_is_written_as_the_peer_does():
    numbering = Numbering(SESSION)
    assert check(numbering, 1, id=SESSION.upper()) is None
    numbering.send(messages.Pong())
    assert json.loads(*numbering.data_to_send())["id"] == SESSION.upper()


@given(st.lists(st.booleans(), max_size=60))
def test_our_numbers_have_no_gaps_and_name_the_newest(turns):
    numbering, seq, expected, sent = Numbering(SESSION), 0, [], []
    for ours in turns:
        if ours:
            numbering.send(messages.Pong())
            expected.append((len(expected) + 1, seq))
        else:
            seq += 1
            numbering.seen(read(text("ping", seq)))
            sent += numbering.data_to_send()
    sent += numbering.data_to_send()
    assert [(message["seq"], message["clientseq"]) for message in map(json.loads, sent)] == expected
    assert numbering.data_to_send() == []
