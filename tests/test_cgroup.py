"""Processors and memory, from trees shaped like both versions of the kernel's control groups."""

import os
from pathlib import Path

import pytest

from engine.cgroup import cpu_quota, memory_limit_bytes, own_membership, processors

V2 = "0::/kubepods/pod1/box\n"
V1 = "3:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("files", "membership", "quota"),
    [
        ({}, V2, None),
        ({"kubepods/pod1/box/cpu.max": "max 100000"}, V2, None),
        ({"kubepods/pod1/box/cpu.max": "150000 100000"}, V2, 1.5),
        ({"kubepods/pod1/box/cpu.max": "max 100000", "kubepods/pod1/cpu.max": "250000 100000"}, V2, 2.5),
        ({"kubepods/pod1/box/cpu.max": "300000 100000", "kubepods/cpu.max": "200000 100000"}, V2, 2.0),
        ({"cpu.max": "50000 100000"}, "0::/\n", 0.5),
        ({"cpu.max": "400000 100000"}, V2, 4.0),  # a container: the host's path is not mounted
        ({"cpu.max": "garbage"}, V2, None),
        ({"cpu.max": "100000 0"}, V2, None),
        ({"cpu.max": "² 1"}, V2, None),  # digits to Python, no number
        ({"cpu.max": f"{'9' * 400} 1"}, V2, None),
        ({"cpu.max": "50000 100000"}, "0::/a\0b\n", 0.5),
        ({"cpu/docker/abc/cpu.cfs_quota_us": "200000", "cpu/docker/abc/cpu.cfs_period_us": "100000"}, V1, 2.0),
        ({"cpu,cpuacct/cpu.cfs_quota_us": "100000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}, V1, 1.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, V1, None),
    ],
)
def test_quota(tmp_path: Path, files: dict[str, str], membership: str, quota: float | None) -> None:
    assert cpu_quota(write(tmp_path, files), membership) == quota


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(8, "max", 8), (8, "250000", 2), (2, "400000", 2), (4, "50000", 1), (1, "100000", 1)],
)
def test_processors_are_whole_and_at_least_one(tmp_path: Path, affinity: int, quota: str, expected: int) -> None:
    root = write(tmp_path, {"cpu.max": f"{quota} 100000"})
    assert processors(affinity, root, "0::/\n") == expected


def test_this_process() -> None:
    assert 1 <= processors() <= len(os.sched_getaffinity(0))
    assert ":" in own_membership()


@pytest.mark.parametrize(
    ("files", "membership", "limit"),
    [
        ({}, V2, None),
        ({"memory.max": "max"}, V2, None),
        ({"memory.max": "²"}, V2, None),
        ({"kubepods/pod1/box/memory.max": "1073741824", "kubepods/memory.max": "536870912"}, V2, 536_870_912),
        ({"memory/docker/abc/memory.limit_in_bytes": "1048576"}, V1, 1_048_576),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, V1, None),
    ],
)
def test_memory_limit(tmp_path: Path, files: dict[str, str], membership: str, limit: int | None) -> None:
    assert memory_limit_bytes(write(tmp_path, files), membership) == limit


def test_a_path_cannot_climb_out(tmp_path: Path) -> None:
    write(tmp_path, {"outside/cpu.max": "100000 100000"})
    (tmp_path / "root").mkdir()
    assert cpu_quota(tmp_path / "root", "0::/../outside\n") is None


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_bytes(b"\xff\xfe")
    assert cpu_quota(tmp_path, V2) is None
