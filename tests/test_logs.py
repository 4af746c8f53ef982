"""Logging configures its whole process, so each test has one of its own."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BEGIN = "import logging, structlog\nfrom engine.logs import configure_logging\nlog = structlog.get_logger('a')\n"


def _lines(code: str) -> list[str]:
    """What lands on stderr."""
    done = subprocess.run([sys.executable, "-c", BEGIN + code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_off_a_terminal_a_line_is_json():
    (line,) = _lines("configure_logging('info'); log.info('worker up', shard=1, path=__import__('pathlib').Path('x'))")
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "worker up", "level": "info", "shard": 1, "path": "x"}


def test_the_level_is_a_threshold():
    code = (
        "configure_logging('warning')\nfor level in ('debug', 'info', 'warning', 'error'): getattr(log, level)(level)"
    )
    assert [json.loads(line)["level"] for line in _lines(code)] == ["warning", "error"]


def test_an_exception_is_one_line_with_its_trace():
    code = (
        "configure_logging('info')\ntry: 1 / 0\nexcept ZeroDivisionError as error: log.error('broke', exc_info=error)"
    )
    (line,) = _lines(code)
    kind, place = json.loads(line)["exception"].splitlines()
    assert (kind, place) == ("ZeroDivisionError", "  at <string>:5 in <module>")


WORDS = "please-transfer-me"


@pytest.mark.parametrize("form", ["True", "False"])
@pytest.mark.parametrize(
    "code",
    [
        "try: raise ValueError(WORDS)\nexcept ValueError as error: log.error('x', exc_info=error)",
        "try: raise ValueError(WORDS)\nexcept ValueError: log.exception('x')",
        "try: raise ValueError(WORDS)\nexcept ValueError as e: log.error('x', exc_info=(ValueError, e, e.__traceback__))",
        (
            "try:\n try: raise KeyError(WORDS)\n except KeyError as e: raise RuntimeError(WORDS) from e\n"
            "except RuntimeError as error: log.error('x', exc_info=error)"
        ),
        (
            "try:\n try: raise KeyError(WORDS)\n finally: raise RuntimeError(WORDS)\n"
            "except RuntimeError as error: log.error('x', exc_info=error)"
        ),
        "import threading\ndef f(): raise ValueError(WORDS)\nt = threading.Thread(target=f); t.start(); t.join()",
        "class C:\n def __del__(self): raise ValueError(WORDS)\nC()",
        (
            "import asyncio\nasync def f(): raise ValueError(WORDS)\n"
            "async def main():\n t = asyncio.create_task(f()); await asyncio.sleep(0); await asyncio.sleep(0); del t\n"
            "asyncio.run(main())"
        ),
        "try: raise ValueError(WORDS)\nexcept ValueError: logging.getLogger('a').exception('first\\n%s', WORDS)",
    ],
)
def test_no_exceptions_text_is_shown_and_its_kind_and_place_are(code, form):
    setting = "WORDS = '-'.join(('please', 'transfer', 'me'))\nconfigure_logging('debug', json=" + form + ")\n"
    text = "\n".join(_lines(setting + code))
    assert WORDS not in text
    assert "ValueError" in text or "RuntimeError" in text
    assert "<string>" in text


def test_what_nobody_caught_is_told_without_its_text():
    code = BEGIN + "configure_logging('debug')\nraise ValueError('-'.join(('please', 'transfer', 'me')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert WORDS not in done.stderr
    assert json.loads(done.stderr)["exception"].startswith("ValueError\n  at <string>:")


def test_our_own_errors_and_the_systems_say_what_they_are():
    code = (
        "from engine.errors import SinkError\nconfigure_logging('info')\n"
        "try:\n try: open('/no/such')\n except OSError as e: raise SinkError('sink a: no room', retryable=True) from e\n"
        "except SinkError as error: log.error('x', exc_info=error)"
    )
    (line,) = _lines(code)
    trace = json.loads(line)["exception"].splitlines()
    assert trace[0] == "SinkError: sink a: no room"
    assert trace[2:4] == ["because of", "FileNotFoundError: No such file or directory"]


def test_the_form_can_be_asked_for():
    (line,) = _lines("configure_logging('info', json=False); log.info('worker up', shard=1)")
    assert "worker up" in line
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)


def test_other_libraries_warnings_come_through_but_not_what_peers_sent():
    code = (
        "configure_logging('info')\n"
        "logging.getLogger('asyncio').info('quiet')\n"
        "logging.getLogger('asyncio').warning('slow')\n"
        "logging.getLogger('websockets.client').error('a peer said 4711')\n"
    )
    assert _lines(code) == ["WARNING asyncio: slow"]


def test_on_a_terminal_a_line_is_for_reading():
    ours, theirs = pty.openpty()
    code = BEGIN + "configure_logging('info'); log.info('worker up', shard=1)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=theirs, check=True)
    os.close(theirs)
    line = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "worker up" in line
    assert not line.startswith("{")


def test_a_log_that_nobody_reads_any_more_fails_no_call():
    code = BEGIN + "configure_logging('info')\ninput()\nlog.info('first')\nlog.info('second')\nprint('went on')"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stderr.close()
    process.stderr = None
    out, _ = process.communicate("\n")
    assert out == "went on\n"
