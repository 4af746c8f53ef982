from engine.simulator.journal import CAPACITY, Journal


def test_requests_are_noted_on_arrival_and_finished_later():
    journal = Journal()
    noted = journal.request("GET", "/x", "abc")
    assert journal.requests[0].body()["status"] is None
    noted.status = 200
    assert journal.requests[0].body()["status"] == 200


def test_the_journal_is_bounded_and_forgets_the_oldest():
    journal = Journal()
    for number in range(CAPACITY + 3):
        journal.request("GET", f"/{number}")
        journal.action("transfer", str(number), None)
    assert len(journal.requests) == len(journal.actions) == CAPACITY
    assert journal.requests[0].path == "/3"


def test_actions_keep_what_was_asked():
    journal = Journal()
    journal.action("attributes", "abc", "p1", attributes={"a": "b"})
    body = journal.actions[0].body()
    assert (body["kind"], body["participant_id"], body["details"]) == ("attributes", "p1", {"attributes": {"a": "b"}})
