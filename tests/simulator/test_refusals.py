import pytest

from engine.simulator.faults import FAULTS
from engine.simulator.refusals import CODES, RefusalError


def test_body_has_the_fields_of_the_platform():
    body = RefusalError(404, "gone").body()
    assert (body["status"], body["code"], body["message"]) == (404, "not.found", "gone")
    assert {"contextId", "details", "errors"} <= body.keys()


@pytest.mark.parametrize("status", sorted({row.status for row in FAULTS.values() if row.effect == "answer"}))
def test_every_status_that_faults_answer_with_has_a_code(status):
    assert CODES[status]
    assert str(RefusalError(status))
