import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.speech.graph_file import graph_fault
from tests.support.graphs import graph, header, lookahead_graph
from tests.support.speech import MODEL


def fault_of(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "graph.fst"
    file.write_bytes(data)
    return graph_fault(file)


@pytest.mark.parametrize("name", ["HCLr.fst", "Gr.fst"])
def test_the_shipped_graphs_are_whole(name: str) -> None:
    assert graph_fault(MODEL / "graph" / name) == ""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.7])
@pytest.mark.parametrize("name", ["HCLr.fst", "Gr.fst"])
def test_the_shipped_graphs_cut_short(tmp_path: Path, name: str, share: float) -> None:
    data = (MODEL / "graph" / name).read_bytes()
    assert fault_of(tmp_path, data[: int(len(data) * share)]) == "is cut short"


@pytest.mark.parametrize("whole", [graph(3, 7), lookahead_graph(3, 7).removesuffix(b"extras")])
def test_every_cut_is_seen(tmp_path: Path, whole: bytes) -> None:
    assert fault_of(tmp_path, whole) == ""
    assert {fault_of(tmp_path, whole[:length]) for length in range(len(whole))} == {"is cut short"}


def test_a_vector_graph_has_smaller_states(tmp_path: Path) -> None:
    whole = header(b"vector", 2, 3) + bytes(2 * 12 + 3 * 16)
    assert fault_of(tmp_path, whole) == ""
    assert fault_of(tmp_path, whole[:-1]) == "is cut short"


def test_unknown_counts_ask_for_nothing(tmp_path: Path) -> None:
    assert fault_of(tmp_path, header(b"vector", -1, -1)) == ""


@pytest.mark.parametrize("rest", [b"whatever", struct.pack("<i", 7)])
def test_a_kind_without_a_known_size_passes(tmp_path: Path, rest: bytes) -> None:
    assert fault_of(tmp_path, header(b"compact_string", 5, 5) + rest) == ""


@given(st.binary(max_size=200))
def test_other_files_are_no_graphs(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    expected = "is cut short" if len(data) < 4 else "is not an OpenFst graph"
    assert fault_of(tmp_path_factory.mktemp("other"), data) == expected


@given(st.binary(max_size=100))
def test_nonsense_after_the_first_word_raises_nothing(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    fault_of(tmp_path_factory.mktemp("nonsense"), struct.pack("<I", 0x7EB2FDD6) + data)


def test_graphs_around_graphs_without_end(tmp_path: Path) -> None:
    around = header(b"olabel", 0, 0) + struct.pack("<i", 446681434)
    assert fault_of(tmp_path, around * 3 + header(b"const", 9, 9)) == "is cut short"
    assert fault_of(tmp_path, around * 5000) == ""  # too deep to be sized


def test_a_kinds_name_of_two_gigabytes_is_not_made_room_for(tmp_path: Path) -> None:
    assert fault_of(tmp_path, struct.pack("<Ii", 0x7EB2FDD6, 2**31 - 1) + b"const") == "is cut short"
