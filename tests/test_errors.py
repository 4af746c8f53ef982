import inspect

import pytest

from engine import errors
from engine.errors import ConfigError, CuelineError, PlatformError, RefusedError, SinkError, VocabularyError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]


def test_all_have_one_root_that_nothing_else_has():
    assert CuelineError in CLASSES
    assert all(issubclass(cls, CuelineError) for cls in CLASSES)
    assert not issubclass(CuelineError, (OSError, ValueError, RuntimeError))


@pytest.mark.parametrize("cls", [ConfigError, VocabularyError])
def test_faults_are_the_message_one_line_each(cls):
    error = cls(["first", "second"])
    assert str(error) == "first\nsecond"
    assert error.faults == ["first", "second"]


def test_a_refusal_has_a_reason_beside_its_message():
    error = RefusedError("capacity", "no shard has room")
    assert (error.reason, str(error)) == ("capacity", "no shard has room")


def test_a_platform_error_without_an_answer_may_have_happened():
    error = PlatformError("timed out")
    assert (str(error), error.status, error.retry_after_s, error.happened) == ("timed out", 0, None, "unknown")
    refused = PlatformError("no", status=429, retry_after_s=3, happened="no")
    assert (refused.status, refused.retry_after_s, refused.happened) == (429, 3, "no")


def test_a_sink_error_says_whether_to_try_again():
    error = SinkError("receiver is down", retryable=True, retry_after_s=1.5)
    assert (str(error), error.retryable, error.retry_after_s, error.happened) == ("receiver is down", True, 1.5, "no")
    assert SinkError("timed out", retryable=False, happened="unknown").happened == "unknown"
