"""The lean import, each time in a process of its own: what it costs, what it leaves alone, and its fallback."""

import json
import subprocess
import sys

import pytest

from engine.genesys import sdk

REPORT = """
import json, os, sys, threading
import psutil
before = psutil.Process().memory_full_info().uss
home = os.environ.get("HOME")
from engine.genesys import sdk
{load}
print(json.dumps({{
    "lean": loaded.lean,
    "grown_mb": (psutil.Process().memory_full_info().uss - before) / 2**20,
    "threads": [thread.name for thread in threading.enumerate()],
    "system_threads": psutil.Process().num_threads(),
    "home_kept": os.environ.get("HOME") == home,
    "host": getattr(loaded.configuration, "host", None),
    "modules": len(sys.modules),
    "inotify": any("inotify" in os.readlink(f"/proc/self/fd/{{fd}}") for fd in os.listdir("/proc/self/fd")
                   if os.path.exists(f"/proc/self/fd/{{fd}}")),
}}))
"""


def report(load="loaded = sdk.load()", **environment):
    run = subprocess.run(
        [sys.executable, "-c", REPORT.format(load=load)],
        capture_output=True, text=True, check=True, timeout=60, env=environment or None,
    )  # fmt: skip
    return json.loads(run.stdout)


def test_the_import_is_lean_and_starts_nothing():
    seen = report()
    assert seen["lean"]
    assert seen["grown_mb"] < 40
    assert seen["modules"] < 700
    assert (seen["threads"], seen["system_threads"], seen["inotify"]) == (["MainThread"], 1, False)
    assert seen["home_kept"]


def test_settings_in_the_users_home_are_not_read(tmp_path):
    config = tmp_path / ".genesyscloudpython" / "config"
    config.parent.mkdir()
    config.write_text("[general]\nhost = https://elsewhere.example\nlive_reload_config = true\n")
    seen = report(HOME=str(tmp_path))
    assert seen["host"] == "https://api.mypurecloud.com"
    assert seen["threads"] == ["MainThread"]


def test_it_works_without_a_home():
    assert report(PATH="/usr/bin")["home_kept"]


def test_the_plain_import_starts_nothing_either():
    seen = report("with sdk._throwaway_home():\n    loaded = sdk._load_plain()")
    assert not seen["lean"]
    assert (seen["threads"], seen["system_threads"]) == (["MainThread"], 1)


def test_models_are_found_by_name_and_others_are_not():
    seen = report(
        "loaded = sdk.load()\n"
        "assert loaded.models.TransferToQueueRequest.__name__ == 'TransferToQueueRequest'\n"
        "assert not hasattr(loaded.models, 'NoSuchModel')\n"
        "client = loaded.api_client(host='http://x')\n"
        'response = type(\'R\', (), {\'data\': \'{"id": "c", "participants": [{"id": "p"}]}\', \'getheader\': lambda *_: None})\n'
        "conversation = client.deserialize(response(), 'Conversation')\n"
        "assert conversation.participants[0].id == 'p'"
    )
    assert seen["lean"]


@pytest.fixture
def other_shape(tmp_path):
    """A package of the SDK's name that only the plain import can load."""
    package = tmp_path / sdk.PACKAGE
    (package / "apis").mkdir(parents=True)
    (package / "models").mkdir()
    sources = {
        "__init__.py": "WHOLE = True\n",
        "api_client.py": f"from {sdk.PACKAGE} import WHOLE\nclass ApiClient: pass\n",
        "abstract_http_client.py": "class AbstractHttpClient: pass\n",
        "configuration.py": "class Configuration: pass\n",
        "apis/__init__.py": "",
        "apis/conversations_api.py": "class ConversationsApi: pass\n",
        "models/__init__.py": "",
    }
    for name, source in sources.items():
        (package / name).write_text(source)
    return tmp_path


def test_another_shape_is_imported_plainly(other_shape):
    assert not report(f"sys.path.insert(0, {str(other_shape)!r})\nloaded = sdk.load()")["lean"]


def test_a_missing_sdk_is_an_import_error():
    with pytest.raises(subprocess.CalledProcessError) as caught:
        report("sdk.PACKAGE = 'NoSuchSdk'\nloaded = sdk.load()")
    assert "No module named 'NoSuchSdk'" in caught.value.stderr
