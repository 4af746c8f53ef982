import pytest

from engine.config import load
from engine.errors import ConfigError

CREDENTIALS = {"GENESYS_CLIENT_ID": "i", "GENESYS_CLIENT_SECRET": "s", "TARGET_KEYWORD": "help"}


def test_nothing_is_followed_unless_it_is_named():
    assert not load(None, CREDENTIALS).discovery.configured


def test_queues_and_users_of_the_environment():
    discovery = load(
        None, CREDENTIALS | {"CUELINE_FOLLOW_QUEUES": "a-1, b-2,a-1", "CUELINE_FOLLOW_USERS": "u"}
    ).discovery
    assert (discovery.queues, discovery.users, discovery.all_queues) == (("a-1", "b-2"), ("u",), False)
    assert discovery.configured


@pytest.mark.parametrize("file", ["", '[discovery]\nqueues = ["x"]', "[discovery]\nall_queues = true"])
def test_all_queues(tmp_path, file):
    (tmp_path / "c.toml").write_text(file)
    discovery = load(tmp_path / "c.toml", CREDENTIALS | {"CUELINE_FOLLOW_QUEUES": "all"}).discovery
    assert (discovery.queues, discovery.all_queues) == ((), True)


@pytest.mark.parametrize(
    ("file", "named"),
    [
        ('queues = ["a/b"]', "discovery.queues"),
        ('queues = ["a"]\nall_queues = true', "exclude each other"),
        (f"users = {[f'u{number}' for number in range(19_001)]}", "19001 queues and users"),
        ("heartbeat_limit_s = 0", "discovery.heartbeat_limit_s"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, file, named):
    (tmp_path / "c.toml").write_text(f"[discovery]\n{file}\n")
    with pytest.raises(ConfigError, match=named):
        load(tmp_path / "c.toml", CREDENTIALS)


def test_following_queues_needs_credentials():
    with pytest.raises(ConfigError, match="names whose calls are followed"):
        load(None, {"TARGET_KEYWORD": "help", "CUELINE_FOLLOW_QUEUES": "a"})
