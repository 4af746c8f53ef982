"""Files that come from elsewhere: model archives and graphs, labels, the kernel's control groups."""

import io
import math
import os
import shutil
import zipfile
from functools import cache
from pathlib import Path

import orjson

from engine.cgroup import memory_limit_bytes, processors
from engine.commands.outbox_rows import STATES, decoded, encoded, read_row
from engine.errors import ConfigError, ModelError, RowError
from engine.intake.followed import FOLLOWED_TABLES, Followed
from engine.intake.past import Moment
from engine.label_rows import rows_of_csv, rows_of_manifest
from engine.model_archive import unpack
from engine.speech.graph_file import graph_fault
from engine.state_connection import FILE_NAME
from engine.state_file import StateFile
from tests.fuzz.realtime_targets import loop
from tests.fuzz.target import Target, scratch

LIMIT_BYTES = 100_000
CGROUP_FILES = (
    "cpu.max",
    "memory.max",
    "cpu/cpu.cfs_quota_us",
    "cpu/cpu.cfs_period_us",
    "memory/memory.limit_in_bytes",
)


def archive(data: bytes) -> None:
    """A zip file: unpacked within its folder and its limit, or refused."""
    _unpack(data)


def entries(data: bytes) -> None:
    """A zip file of entries with these names, a line each; the first byte of a line says what the entry is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for line in data.split(b"\n")[:20]:
            info = zipfile.ZipInfo("x")
            info.filename = line[1:].decode("utf-8", "replace") or "m/"
            info.external_attr = (0, 0o100644, 0o120777, 0o040755, 0o020644)[line[0] % 5 if line else 0] << 16
            made.writestr(info, line)
    _unpack(packed.getvalue())


def _unpack(data: bytes) -> None:
    home = scratch("archive")
    path = home / "model.zip"
    (home / "target").mkdir(parents=True)
    path.write_bytes(data)
    try:
        unpack(path, "m", home / "target", LIMIT_BYTES)
    finally:
        written = [Path(folder) / name for folder, _, names in os.walk(home) for name in names]
        size = sum(file.stat().st_size for file in written if file != path)
        shutil.rmtree(home)
        assert all(file == path or file.is_relative_to(home / "target") for file in written)
        assert size <= LIMIT_BYTES


def state(data: bytes) -> None:
    """The state file with bytes overwritten: two of place, one of length, then so many. Opened, read, or refused."""
    home = scratch("state")
    home.mkdir()
    try:
        image = bytearray(_state_file())
        while len(data) > 3:
            at, length = int.from_bytes(data[:2]) % len(image), 1 + data[2] % 32
            image[at : at + length] = data[3 : 3 + length]
            data = data[3 + length :]
        (home / FILE_NAME).write_bytes(image)
        _take_up(home)
    finally:
        shutil.rmtree(home)


def _take_up(home: Path) -> None:
    opened = StateFile.open(home, FOLLOWED_TABLES)
    try:
        for known in Followed().begin(opened):
            assert known.past is None or known.past.position_now_ms(Moment(2e9, 5.0, "boot")) >= known.past.position_ms
    finally:
        loop().run_until_complete(opened.close(0))


def outbox(data: bytes) -> None:
    """First byte: the data is a body, or a whole row as JSON. What is read is what would be written."""
    if data[:1] == b"\0":
        command = decoded("conv-1/external/rule/1", "hook", data[1:].decode("utf-8", "surrogateescape"))
    else:
        try:
            row = orjson.loads(data[1:])
        except orjson.JSONDecodeError:
            return
        kept = read_row(row if isinstance(row, list) else [])
        assert kept.state in STATES
        command = kept.command
    assert decoded(command.idempotency_key, command.sinks[0], encoded(command)) == command
    orjson.dumps(command.body())


@cache
def _state_file() -> bytes:
    """Two conversations."""
    home = scratch("state-made")
    home.mkdir()
    opened = StateFile.open(home, FOLLOWED_TABLES)
    rows = [
        ("conv-1", "realtime", 1.8e9, 1000, 1.8e9, 3.0, "boot"),
        ("conv-2", "realtime", 1.8e9, None, None, None, None),
    ]
    opened._connection.executemany("INSERT INTO followed VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    loop().run_until_complete(opened.close(0))
    return (home / FILE_NAME).read_bytes()


def graph(data: bytes) -> None:
    """The head of a decoding graph."""
    path = scratch("model.graph")
    path.write_bytes(data)
    assert graph_fault(path) in ("", "is cut short", "is not an OpenFst graph")


def labels(data: bytes) -> None:
    """labels.csv: rows and faults, no more of either than lines allow."""
    _check_rows(rows_of_csv, data)


def label_manifest(data: bytes) -> None:
    """manifest.json beside recordings."""
    _check_rows(rows_of_manifest, data)


def _check_rows(read, data: bytes) -> None:
    faults: list[str] = []
    rows = read(data, faults)
    assert len(rows) <= len(data)
    assert len(faults) <= 4 * len(data) + 4
    assert sum(map(len, faults)) <= 400 * (len(data) + 1)
    for row in rows:
        assert row.file
        assert row.label is None or 0 <= row.label.start_ms < row.label.end_ms < 10**12


def control_groups(data: bytes) -> None:
    """The membership and the limits' files, a NUL between them: at least one processor, and a limit that is one."""
    membership, *texts = data.split(b"\0")
    root = scratch("cgroup")
    for name, text in zip(CGROUP_FILES, [*texts, b"", b"", b"", b"", b""], strict=False):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)
    told = membership.decode("utf-8", "replace")
    count = processors(affinity=4, root=root, membership=told)
    assert 1 <= count <= 4
    limit = memory_limit_bytes(root, told)
    assert limit is None or (limit >= 0 and math.isfinite(limit))


def _zip(*names: str, body: bytes = b"body") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), body)
    return packed.getvalue()


def _graph(kind: bytes, states: int, inner: bytes = b"") -> bytes:
    text = len(kind).to_bytes(4, "little") + kind + b"\x08\0\0\0standard"
    numbers = b"".join(number.to_bytes(8, "little") for number in (0, 0, states, states))
    return 0x7EB2FDD6.to_bytes(4, "little") + text + bytes(8) + numbers + inner


_BODY = orjson.dumps(
    {
        "v": 1,
        "conversation_id": "conv-1",
        "channel": "external",
        "rule": "r",
        "phrase": "p",
        "text": "t",
        "confidence": 0.5,
        "fired_on": "final",
        "utterance_start_ms": 1,
        "phrase_end_ms": 2,
        "audio_position_ms": 3,
        "spotted_at": "2026-01-01T00:00:00Z",
    }
)
_ROW = [1, "key", "hook", "waiting", 0, "", 1.5, 2.5, _BODY.decode(), 3.5]
_ADD_ON = (446681434).to_bytes(4, "little")
_NESTED = b""
for _ in range(3):
    _NESTED = _graph(b"olabel", 0, _ADD_ON + _NESTED)

TARGETS = (
    Target(
        *("archive", "a model's archive as bytes", archive, (ModelError,)),
        seeds=(
            _zip("m/a", "m/b/c"),
            _zip("m/a", body=bytes(200_000)),
            _zip("m/\u00e9"),
            _zip("x"),
            _zip(),
            b"PK\5\6" + bytes(18),
        ),
        words=(b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"m/"),
        most_bytes=1024,
    ),
    Target(
        *("entries", "the names and kinds in a model's archive", entries, (ModelError,)),
        seeds=(
            b"\1m/a\n\1m/b",
            b"\1m/a\n\1m//a",
            b"\1m/a\n\1m/a/b",
            b"\1../m\n\1/m",
            b"\2m/link",
            b"\1m\\a",
            b"\1m/" + b"n" * 300,
        ),
        words=(b"m/", b"../", b"//", b"/./", b"\n\1", b"C:"),
        most_bytes=512,
    ),
    Target(
        *("state", "the state file, overwritten in places", state, (ConfigError,)),
        seeds=(b"\0\0\0X", b"\0\x60\3\0\0\0\x63", b"\x20\0\x1f" + bytes(32), b"\x1f\x9f\x08\x7f\xf0" + bytes(7)),
        words=(b"\x10\0", b"\x1f\xe0", b"\0\x1c", b"\x7f\xf0\0\0", b"\0\x40"),
        most_bytes=128,
    ),
    Target(
        *("outbox", "rows of the outbox", outbox, (RowError,)),
        seeds=(b"\0" + _BODY, b"\1" + orjson.dumps(_ROW), b"\0" + b"[" * 3000, b"\0\xff", b'\1[1,"k"]'),
        words=(b'"v":1', b"null", b"9" * 25, b"1e999", b'"final"', b'"waiting"', b'\\"', b'"confidence":', b"\\ud800"),
        weight=2,
        most_bytes=1024,
    ),
    Target(
        *("graph", "the head of a decoding graph", graph, ()),
        seeds=(_graph(b"const", 3), _graph(b"vector", 2**62), _NESTED, b"", b"\xd6\xfd\xb2\x7e\xff\xff\xff\x7f"),
        words=(0x7EB2FDD6.to_bytes(4, "little"), _ADD_ON, b"const", b"vector", b"\xff\xff\xff\x7f"),
        most_bytes=512,
    ),
    Target(
        *("labels", "labels.csv", labels, ()),
        seeds=(
            b"file,phrase,start_ms,end_ms\na.wav,transfer me,100,900\nb.wav,,,\n",
            b'\xef\xbb\xbffile,channel,phrase,start_ms,end_ms\r\n"a,b.wav",agent,"x\ny",1,2\r\n',
            b"file,phrase,start_ms,end_ms\na.wav,x,\xd9\xa3,9\n",
            b'file,phrase\n"a',
        ),
        words=(b"file", b"phrase", b"start_ms", b"end_ms", b"channel", b"external", b'"', b",", b"\n", b"\r"),
        weight=2,
        most_bytes=1024,
    ),
    Target(
        *("label-manifest", "manifest.json beside recordings", label_manifest, ()),
        seeds=(
            b'{"calls":[{"file":"a.wav","said":[{"phrase":"x y","start_ms":1,"end_ms":2,"channel":"internal"}]}]}',
            b'{"calls":[{"file":1,"said":{"a":1}},{"file":"b","said":[[]]}]}',
            b"[" * 3000,
        ),
        words=(b'"calls":', b'"file":', b'"said":', b'"phrase":', b'"start_ms":', b'"end_ms":', b"9" * 30),
        weight=3,
        most_bytes=4096,
    ),
    Target(
        *("cgroup", "the kernel's control groups", control_groups, ()),
        seeds=(
            b"0::/a/b\x00150000 100000\x001073741824",
            b"4:cpu,cpuacct:/x\n3:memory:/y\0\0\0250000\x00100000\x009223372036854771712",
            b"0::/\0max 100000\0max",
            "0::/\0² 1".encode(),
            b"0::/a\xffb/../c\x009" + b"9" * 400 + b" 1\0\xff",
        ),
        words=(b"0::/", b"cpu", b"memory", b"max", b"\0", b"100000", "²".encode()),
        most_bytes=1024,
    ),
)
