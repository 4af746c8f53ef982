"""Secrets of a first start: of good length, their owner's alone, made once."""

import base64
import subprocess
import sys

import pytest

from deploy.make_secrets import SECRETS, make
from tests.support.deployed import DEPLOY, compose_environment, compose_services


def test_each_is_made_once_and_kept(tmp_path):
    assert make(tmp_path) == list(SECRETS)
    first = {name: (tmp_path / name).read_text() for name in SECRETS}
    assert make(tmp_path) == []
    assert {name: (tmp_path / name).read_text() for name in SECRETS} == first
    assert {file.name for file in tmp_path.iterdir()} == set(SECRETS)
    (tmp_path / "admin_token").unlink()
    assert make(tmp_path) == ["admin_token"]
    assert (tmp_path / "admin_token").read_text() != first["admin_token"]


def test_they_are_long_and_of_the_right_form(tmp_path):
    make(tmp_path)
    assert len((tmp_path / "admin_token").read_text()) == 64
    assert len(base64.b64decode((tmp_path / "audiohook_client_secret").read_text(), validate=True)) == 32
    assert len({(tmp_path / name).read_text() for name in SECRETS}) == len(SECRETS)


def test_only_grafanas_is_for_others(tmp_path):
    make(tmp_path)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in SECRETS}
    assert {name for name, mode in modes.items() if mode != 0o400} == {"grafana_admin_password"}
    assert tmp_path.stat().st_mode & 0o777 == 0o711


def test_a_run_that_was_cut_off_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / ".admin_token.new").write_text("hal")
    make(tmp_path)
    assert len((tmp_path / "admin_token").read_text()) == 64
    assert not (tmp_path / ".admin_token.new").exists()


def test_it_says_names_and_never_a_secret(tmp_path):
    for said in ("made: admin_token", "made: nothing"):
        done = subprocess.run(
            [sys.executable, DEPLOY / "make_secrets.py", tmp_path], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith(said)
        assert not any((tmp_path / name).read_text() in done.stdout + done.stderr for name in SECRETS)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        make(tmp_path / "none")


def test_compose_makes_what_compose_reads():
    folder = "/run/cueline/"
    read = {value for value in compose_environment().values() if value.startswith(folder)}
    read.add(compose_services()["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"])
    assert read == {folder + name for name in SECRETS}
    services = compose_services()
    assert services["secrets"]["entrypoint"][-1] == folder.rstrip("/")
    for name in ("cueline", "grafana", "simulator"):
        assert "secrets:/run/cueline:ro" in services[name]["volumes"]
