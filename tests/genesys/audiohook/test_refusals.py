import pytest

from engine.errors import UpgradeRefusedError
from engine.genesys.audiohook.refusals import AUTH_FAULTS, refused


@pytest.mark.parametrize("reason", AUTH_FAULTS)
def test_each_reason_has_its_status_and_its_line(reason):
    error = refused(reason)
    assert isinstance(error, UpgradeRefusedError)
    assert error.reason == reason
    assert error.status == (400 if reason.startswith("header_") else 401)
    assert str(error).isprintable()


def test_reasons_can_label_a_metric():
    assert len(set(AUTH_FAULTS)) == len(AUTH_FAULTS) == 19
    assert all(reason.replace("_", "").isalpha() and reason.islower() for reason in AUTH_FAULTS)
