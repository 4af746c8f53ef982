"""A model's folder: each part that is missing or broken is named before Vosk, which may crash, sees it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.options import SpeechOptions
from engine.speech.model import FLAT, IVECTOR, NESTED, prepared_model, validate_model
from tests.support.graphs import graph
from tests.support.speech import MODEL

PARTS = [part for names in NESTED.values() for part in names if part != "graph/HCLG.fst"] + ["conf/model.conf"]
NEEDED = [part for part in PARTS if part != "graph/HCLr.fst"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped model by links, so that parts can be taken away."""
    path = tmp_path / "model"
    for part in PARTS:
        (path / part).parent.mkdir(parents=True, exist_ok=True)
        (path / part).symlink_to(MODEL / part)
    return path


def replace(file: Path, data: bytes) -> None:
    file.unlink(missing_ok=True)
    file.write_bytes(data)


def faults(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        validate_model(path)
    assert str(caught.value).startswith(f"model {path}: ")
    return str(caught.value).removeprefix(f"model {path}: ")


def test_a_whole_model_passes(folder: Path) -> None:
    validate_model(folder)
    validate_model(MODEL)


@pytest.mark.parametrize("part", NEEDED)
def test_a_missing_part_is_named(folder: Path, part: str) -> None:
    (folder / part).unlink()
    assert faults(folder) == f"{part} is missing"


@pytest.mark.parametrize("part", PARTS)
def test_an_empty_part_is_named(folder: Path, part: str) -> None:
    replace(folder / part, b"")
    assert faults(folder) == f"{part} is empty"


@pytest.mark.parametrize("part", ["am/final.mdl", "conf/mfcc.conf", "graph/HCLr.fst"])
def test_an_unreadable_part_is_named(folder: Path, part: str) -> None:
    (folder / part).unlink()
    (folder / part).symlink_to("/proc/self/mem")  # reading its first byte fails, for root too
    assert faults(folder) == f"{part} can't be read (Input/output error)"


def test_a_part_that_is_a_folder(folder: Path) -> None:
    (folder / "am/final.mdl").unlink()
    (folder / "am/final.mdl").mkdir()
    assert faults(folder) == "am/final.mdl is missing"


def test_all_faults_are_told_at_once(folder: Path) -> None:
    shutil.rmtree(folder / "graph")
    replace(folder / "am/final.mdl", b"just text")
    assert faults(folder).split("; ") == [
        "graph/words.txt is missing",
        "graph/phones/word_boundary.int is missing",
        "graph/HCLr.fst or graph/HCLG.fst is missing",
        "am/final.mdl is not a Kaldi nnet3 model",
    ]


@pytest.mark.parametrize("part", ["graph/HCLr.fst", "graph/Gr.fst"])
def test_graphs_that_would_crash_vosk(folder: Path, part: str) -> None:
    whole = (MODEL / part).read_bytes()
    replace(folder / part, whole[: len(whole) // 2])
    assert faults(folder) == f"{part} is cut short"
    replace(folder / part, b"this is no graph")
    assert faults(folder) == f"{part} is not an OpenFst graph"


def test_a_graph_in_one_piece(folder: Path) -> None:
    for part in ("HCLr.fst", "Gr.fst", "disambig_tid.int"):
        (folder / "graph" / part).unlink()
    assert faults(folder) == "graph/HCLr.fst or graph/HCLG.fst is missing"
    replace(folder / "graph/HCLG.fst", graph())
    validate_model(folder)
    replace(folder / "graph/HCLG.fst", b"wrong")
    assert faults(folder) == "graph/HCLG.fst is not an OpenFst graph"


def test_i_vector_parts_where_the_network_wants_them(folder: Path) -> None:
    replace(folder / "am/final.mdl", b"<TransitionModel> <Nnet3> input-node name=ivector dim=30\n")
    assert faults(folder).split("; ") == [f"ivector/{name} is missing" for name in IVECTOR]
    (folder / "ivector").mkdir()
    for name in IVECTOR:
        replace(folder / "ivector" / name, b"x")
    validate_model(folder)
    replace(folder / "ivector/final.ie", b"")
    assert faults(folder) == "ivector/final.ie is empty"


def test_everything_in_one_folder(tmp_path: Path) -> None:
    """The layout of older small models."""
    for group, names in FLAT.items():
        for nested, name in zip(NESTED[group], names, strict=True):
            if name != "HCLG.fst":
                (tmp_path / name).symlink_to(MODEL / nested)
    validate_model(tmp_path)
    with prepared_model(SpeechOptions(model_path=tmp_path)) as path:
        assert path == tmp_path, "it has no settings file to overlay"
    (tmp_path / "word_boundary.int").unlink()
    assert faults(tmp_path) == "word_boundary.int is missing"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "not a folder"),
        (lambda path: path.write_text("a file"), "not a folder"),
        (lambda path: path.symlink_to("nowhere"), "not a folder"),
        (lambda path: path.mkdir(), "the folder is empty"),
        (lambda path: path.symlink_to("/proc/self/task/1/nothing"), "not a folder"),
    ],
)
def test_no_model_at_all(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    make(tmp_path / "model")
    assert faults(tmp_path / "model").startswith(why)


def test_another_kind_of_folder(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("hello")
    assert "am/final.mdl is missing; conf/mfcc.conf is missing" in faults(tmp_path)


def settings_in(path: Path) -> dict[str, str]:
    lines = (path / "conf/model.conf").read_text().splitlines()
    pairs = [line.removeprefix("--").split("=") for line in lines]
    assert len(dict(pairs)) == len(pairs), "each setting once"
    return dict(pairs)


def test_the_overlay_replaces_settings_and_goes_afterwards(folder: Path) -> None:
    before = settings_in(folder)
    with prepared_model(SpeechOptions(model_path=folder, frames_per_chunk=33, min_active=44)) as path:
        assert path != folder
        assert settings_in(path) == before | {
            "frames-per-chunk": "33",
            "min-active": "44",
            "beam": "10.0",
            "lattice-beam": "2.0",
            "determinize-min-chunk-size": "100000",
            "determinize-max-delay": "200000",
        }
        assert (path / "am/final.mdl").read_bytes() == (MODEL / "am/final.mdl").read_bytes()
        assert (path / "conf/mfcc.conf").read_text() == (MODEL / "conf/mfcc.conf").read_text()
        assert (path / "graph/phones/word_boundary.int").is_file()
    assert not path.exists()
    assert settings_in(folder) == before, "the model itself is left alone"


def test_the_overlay_goes_also_when_loading_fails(folder: Path) -> None:
    with pytest.raises(RuntimeError), prepared_model(SpeechOptions(model_path=folder)) as path:
        raise RuntimeError
    assert not path.exists()


def test_a_relative_path_will_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with prepared_model(SpeechOptions(model_path=Path("model"))) as path:
        validate_model(path)


@pytest.mark.parametrize(("profile", "steps"), [("low-latency", "12"), ("balanced", "18"), ("throughput", "36")])
def test_a_profile_is_a_chunk(folder: Path, profile: str, steps: str) -> None:
    with prepared_model(SpeechOptions(model_path=folder, profile=profile)) as path:
        assert settings_in(path)["frames-per-chunk"] == steps


def test_the_profile_model_leaves_what_the_model_says(folder: Path) -> None:
    before = settings_in(folder)
    own = SpeechOptions(model_path=folder, profile="model", min_active=None, beam=None, lattice_beam=None)
    with prepared_model(own) as path:
        after = settings_in(path)
    assert before.items() <= after.items()
    assert {name for name in after if name not in before} == {"determinize-min-chunk-size", "determinize-max-delay"}


def test_settings_that_are_no_text(folder: Path) -> None:
    replace(folder / "conf/model.conf", b"--min-active=200\n\xff\xfe\x00")
    with (
        pytest.raises(ModelError, match=r"conf/model\.conf can't be read"),
        prepared_model(SpeechOptions(model_path=folder)),
    ):
        pass


def test_a_broken_model_is_never_handed_over(folder: Path) -> None:
    (folder / "graph/Gr.fst").unlink()
    with pytest.raises(ModelError, match=r"Gr\.fst is missing"), prepared_model(SpeechOptions(model_path=folder)):
        pytest.fail("handed over")


def with_features(folder: Path, *lines: str) -> Path:
    """The folder, its mfcc.conf with these lines instead of those about rates."""
    rates = ("--sample-frequency", "--allow-upsample", "--allow-downsample")
    kept = [line for line in (MODEL / "conf/mfcc.conf").read_text().splitlines() if not line.startswith(rates)]
    replace(folder / "conf/mfcc.conf", "\n".join([*kept, *lines]).encode())
    return folder


@pytest.mark.parametrize("lines", [["--sample-frequency=16000"], []])
def test_a_model_of_another_rate_is_named(folder: Path, lines: list[str]) -> None:
    """Vosk takes it, says `Sampling frequency mismatch` at each chunk, and hears nothing."""
    fault = faults(with_features(folder, *lines, "--allow-downsample=true"))
    assert fault == "conf/mfcc.conf is for 16000 Hz without --allow-upsample=true; telephone audio has 8000"


@pytest.mark.parametrize("allowed", ["--allow-upsample=true", "--allow-upsample", " --allow-upsample=true "])
def test_a_model_of_another_rate_that_converts_ours_passes(folder: Path, allowed: str) -> None:
    validate_model(with_features(folder, "--sample-frequency=16000", allowed))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--sample-frequency=many", "is no number"),
        ("--sample-frequency=4000", "for 4000 Hz without --allow-downsample"),
    ],
)
def test_rates_that_make_no_sense(folder: Path, line: str, words: str) -> None:
    assert words in faults(with_features(folder, line))


def test_features_that_are_no_text(folder: Path) -> None:
    replace(folder / "conf/mfcc.conf", b"\xff\xfe")
    assert faults(folder).startswith("conf/mfcc.conf can't be read")
