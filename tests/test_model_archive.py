"""Archives that are unpacked, and those that are refused whole."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.model_archive import MAX_ENTRIES, unpack
from tests.support.model_server import MODEL, zipped

LIMIT = 1 << 20


def unpacked(tmp_path: Path, archive: bytes, root: str = "m", limit: int = LIMIT) -> Path:
    path, target = tmp_path / "a.zip", tmp_path / "outer" / "target"
    path.write_bytes(archive)
    target.mkdir(parents=True)
    unpack(path, root, target, limit)
    return target


def made(fill: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/ok", b"fine")
        fill(archive)
    return buffer.getvalue()


KINDS = (stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)


def linked(archive: zipfile.ZipFile, kind: int = stat.S_IFLNK) -> None:
    info = zipfile.ZipInfo("m/link")
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    archive.writestr(info, "/etc/passwd")


def test_what_lies_under_the_root_is_written(tmp_path: Path) -> None:
    files = {f"deep/root/{name}": data for name, data in MODEL.items()} | {"other/x": b"not wanted"}
    target = unpacked(tmp_path, zipped(files, ""), "deep/root")
    assert {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()} == MODEL


def test_folders_of_their_own_are_kept(tmp_path: Path) -> None:
    target = unpacked(tmp_path, made(lambda archive: archive.mkdir("m/empty")))
    assert (target / "empty").is_dir()


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (lambda z: z.writestr("../evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("m/../../evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("/evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("m\\..\\evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("C:/evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("//evil", b"x"), "leaves its folder"),
        (lambda z: z.writestr("..", b"x"), "leaves its folder"),
        (lambda z: z.writestr("\\\\host\\share", b"x"), "leaves its folder"),
        (lambda z: z.writestr("m/OK", b"x"), "comes twice"),
        (lambda z: z.writestr("M/ok", b"x"), "comes twice"),
        (lambda z: z.writestr("m/./ok", b"x"), "comes twice"),
        (lambda z: [z.writestr("m/\u00e9", b"x"), z.writestr("m/e\u0301", b"x")], "comes twice"),
        (lambda z: [z.writestr("m/a/b", b"x"), z.writestr("m/A", b"x")], "is a file and a folder"),
        (lambda z: z.writestr("m/bell\a", b"x"), "is no plain name"),
        (linked, "is a link or a device"),
        *[(lambda z, kind=kind: linked(z, kind), "is a link or a device") for kind in KINDS],
        (lambda z: z.writestr("m//ok", b"x"), "'m//ok' comes twice"),
        (lambda z: z.writestr("m/ok/below", b"x"), "'m/ok' is a file and a folder"),
        (lambda z: z.writestr("m", b"x"), "'m' is a file and a folder"),
        (lambda z: z.writestr("m/" + "n" * 256, b"x"), "has too long a name"),
        (lambda z: z.writestr("m/" + "n/" * 600, b"x"), "has too long a name"),
        (lambda z: z.writestr("m/x", b"x", zipfile.ZIP_LZMA), "in another way than deflate"),
        (lambda z: linked(z, stat.S_IFCHR), "is a link or a device"),
        (lambda z: z.writestr("m/big", b"\0" * (LIMIT + 1), zipfile.ZIP_DEFLATED), "unpacks to"),
        (lambda z: [z.writestr(f"m/{i}", b"") for i in range(MAX_ENTRIES)], "entries, more than"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tmp_path: Path, fill, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        unpacked(tmp_path, made(fill))
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="comes twice"):
        unpacked(tmp_path, made(lambda archive: archive.writestr("m/ok", b"again")))


def test_encrypted(tmp_path: Path) -> None:
    archive = bytearray(made(lambda _: None))
    entry = archive.index(b"PK\x01\x02")
    archive[entry + 8] |= 1
    with pytest.raises(ModelError, match="is encrypted"):
        unpacked(tmp_path, bytes(archive))


def test_a_bomb_is_stopped_by_what_it_declares(tmp_path: Path) -> None:
    """A thousand entries of a megabyte of zeros: a few hundred kilobytes that would become a gigabyte."""
    bomb = made(lambda z: [z.writestr(f"m/{i}", b"\0" * (1 << 20), zipfile.ZIP_DEFLATED) for i in range(1000)])
    assert len(bomb) < 2 << 20
    with pytest.raises(ModelError, match="unpacks to 1048576004 bytes, more than the 67108864 allowed"):
        unpacked(tmp_path, bomb, limit=64 << 20)
    assert not any((tmp_path / "outer/target").iterdir())


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Should something lie in the empty folder all the same: nothing is written through it."""
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    target.mkdir()
    elsewhere.write_text("mine")
    (target / "ok").symlink_to(elsewhere)
    (tmp_path / "a.zip").write_bytes(made(lambda _: None))
    with pytest.raises(FileExistsError):
        unpack(tmp_path / "a.zip", "m", target, LIMIT)
    assert elsewhere.read_text() == "mine"


def test_an_entry_that_lies_about_its_size(tmp_path: Path) -> None:
    archive = bytearray(made(lambda z: z.writestr("m/bomb", b"\0" * 500_000, zipfile.ZIP_DEFLATED)))
    entry = archive.rindex(b"PK\x01\x02")
    archive[entry + 24 : entry + 28] = struct.pack("<I", 10)
    with pytest.raises(ModelError, match="broken"):
        unpacked(tmp_path, bytes(archive))
    assert (tmp_path / "outer/target/bomb").stat().st_size <= 10


@pytest.mark.parametrize("cut", [0, 10, -30])
def test_a_truncated_archive(tmp_path: Path, cut: int) -> None:
    with pytest.raises(ModelError, match="broken"):
        unpacked(tmp_path, made(lambda _: None)[:cut])


def test_flipped_bits(tmp_path: Path) -> None:
    archive = bytearray(zipped(MODEL, "m"))
    archive[200] ^= 0xFF
    with pytest.raises(ModelError, match="broken"):
        unpacked(tmp_path, bytes(archive))


def test_the_wrong_root_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder x; it holds: m"):
        unpacked(tmp_path, zipped(MODEL, "m"), "x")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no folder x; it holds: m, x"):
        unpacked(tmp_path, made(lambda z: z.writestr("x", b"a file")), "x")


def test_a_name_that_is_not_the_text_it_claims_to_be(tmp_path: Path) -> None:
    archive = made(lambda z: z.writestr("m/\u00e9", b"x")).replace("\u00e9".encode(), b"\xff\xff")
    with pytest.raises(ModelError, match="broken"):
        unpacked(tmp_path, archive)


def test_an_entry_before_the_archives_beginning(tmp_path: Path) -> None:
    archive = bytearray(made(lambda _: None))
    end = archive.rindex(b"PK\x05\x06")
    archive[end + 16 : end + 20] = struct.pack("<I", 2**31)  # where the list of entries begins
    with pytest.raises(ModelError, match="broken"):
        unpacked(tmp_path, bytes(archive))
