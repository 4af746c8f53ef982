import resource
import subprocess
import sys

import pytest

from engine.errors import RefusedError
from engine.open_files import OpenFiles, files_for

RAISED = (
    "import resource; from engine.open_files import raise_limit; print(raise_limit().limit, *resource.getrlimit(7))"
)


@pytest.mark.parametrize(("limit", "calls"), [(64, 0), (102, 0), (103, 1), (256, 52), (65_536, 21_812)])
def test_how_many_calls_fit(limit, calls):
    files = OpenFiles(limit)
    assert files.calls == calls
    assert files_for(calls) <= limit or calls == 0
    assert files_for(calls + 1) > limit
    if calls:
        files.check(calls - 1)
    with pytest.raises(RefusedError) as caught:
        files.check(calls)
    assert caught.value.reason == "capacity"
    assert f"{limit} open files" in str(caught.value)
    assert f"ulimit -n {files_for(calls + 1)}" in str(caught.value)


def test_without_a_limit_there_is_room():
    OpenFiles().check(1_000_000)


def test_the_start_raises_its_own_limit_to_the_hard_one():
    assert resource.RLIMIT_NOFILE == 7
    done = subprocess.run(
        ["prlimit", "--nofile=100:300", sys.executable, "-c", RAISED], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["300", "300", "300"]


@pytest.mark.parametrize(("calls", "warned"), [(52, False), (53, True)])
def test_it_is_said_where_fewer_fit_than_could_be_taken(capfd, calls, warned):
    OpenFiles(256).warn_below(calls)
    assert ("open files limit the calls" in capfd.readouterr().out) == warned
