"""The fork server's start, and every way in which it fails: one clear error, nothing left behind."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine.errors import ConfigError, CuelineError, ModelError, VocabularyError
from engine.options import RuleOptions
from engine.shards.messages import Drain
from engine.shards.process import ForkServer
from tests.support.shards import MODEL, Ear, descendants, make_pool, running_pool


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy to be broken."""
    return shutil.copytree(MODEL, tmp_path / "model")


async def start_error(ear: Ear, **options: object) -> CuelineError:
    """What the start of a pool raises; nothing must be left of it, and nothing else be tried."""
    pool = make_pool(ear, **options)  # type: ignore[arg-type]
    with capture_logs() as logs, pytest.raises(CuelineError) as error:
        await pool.start()
    assert descendants() == []
    assert logs == []
    assert pool._workers._revival is None
    await pool.stop(1)
    return error.value


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


BREAKS: dict[str, Callable[[Path], object]] = {
    "am/final.mdl is missing": lambda model: (model / "am/final.mdl").unlink(),
    "am/final.mdl is empty": lambda model: (model / "am/final.mdl").write_bytes(b""),
    "am/final.mdl is not a Kaldi nnet3 model": lambda model: (model / "am/final.mdl").write_bytes(b"rubbish" * 1000),
    "broken|can't load": lambda model: cut(model / "am/final.mdl"),
    "conf/model.conf is missing": lambda model: (model / "conf/model.conf").unlink(),
    "conf/model.conf can't be read": lambda model: (model / "conf/model.conf").write_bytes(b"\xff\xfe\x00"),
    "conf/mfcc.conf is for 16000 Hz": lambda model: (model / "conf/mfcc.conf").write_text("rubbish"),
    "graph/HCLr.fst|Vosk ended the process": lambda model: cut(model / "graph/HCLr.fst"),
    "graph/Gr.fst": lambda model: cut(model / "graph/Gr.fst"),
    "is missing": lambda model: shutil.rmtree(model / "graph"),
    "the folder is empty": lambda model: (shutil.rmtree(model), model.mkdir()),
    "not a folder; set VOSK_MODEL_PATH": shutil.rmtree,
}


@pytest.mark.parametrize("expected", BREAKS)
async def test_a_broken_model_is_named_and_so_is_its_fault(ear, model, expected):
    BREAKS[expected](model)
    error = await start_error(ear, model=model)
    assert isinstance(error, ModelError)
    assert any(part in str(error) for part in expected.split("|")), error
    assert str(model) in str(error) or "`cueline models verify PATH`" in str(error)
    assert "cueline-model-" not in str(error)  # the overlay's name would help nobody


async def test_words_that_the_model_does_not_know_are_named(ear):
    rules = (
        RuleOptions(name="a", phrases=("transfer xylophonist", "transfer me")),
        RuleOptions(name="b", phrases=("qwertzuiop",)),
    )
    error = await start_error(ear, rules=rules)
    assert isinstance(error, VocabularyError)
    assert len(error.faults) == 2
    assert all(part in error.faults[0] for part in ("'a'", "'transfer xylophonist'", "'xylophonist'"))
    assert all(part in error.faults[1] for part in ("'b'", "'qwertzuiop'"))


async def test_an_entry_point_that_there_is_not_is_a_config_error(ear):
    rules = (RuleOptions(name="a", phrases=("x",), match="no_such_module:callable", hear=("transfer me",)),)
    error = await start_error(ear, rules=rules)
    assert isinstance(error, ConfigError)
    assert "no_such_module:callable" in error.faults[0]


async def test_more_rules_than_a_message_holds_are_a_config_error(ear):
    rules = tuple(RuleOptions(name=f"rule-{number}", phrases=("x" * 200,)) for number in range(600))
    error = await start_error(ear, rules=rules)
    assert isinstance(error, ConfigError)
    assert "use fewer or shorter rules" in error.faults[0]


async def test_a_thousand_short_rules_are_not_too_many(ear):
    rules = tuple(RuleOptions(name=f"rule-{number}", phrases=("transfer me",)) for number in range(1000))
    async with running_pool(ear, rules=rules) as pool:
        assert pool.all_up


async def test_the_process_that_forks_has_one_thread(ear):
    pool = make_pool(ear)
    prepared = await pool.start()
    assert prepared.threads == 1
    assert prepared.load_ms > 0
    await pool.stop(5)


async def test_an_entry_point_that_starts_a_thread_is_warned_of(ear, tmp_path, monkeypatch):
    (tmp_path / "busy_intents.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "def meant(text): return None\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    rules = (RuleOptions(name="a", phrases=("x",), match="busy_intents:meant", hear=("transfer me",)),)
    with capture_logs() as logs:
        async with running_pool(ear, rules=rules) as pool:
            assert pool.all_up
    assert [entry["threads"] for entry in logs if "more than one thread" in entry["event"]] == [2]


async def test_a_message_of_the_wrong_direction_is_a_fault():
    server = ForkServer(lambda _: None, lambda _: None, lambda: None)
    with pytest.raises(TypeError, match="not for a supervisor: Drain"):
        server._receive(Drain())
    assert server.pid is None
    server.kill()  # nothing to kill
