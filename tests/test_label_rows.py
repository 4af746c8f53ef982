"""Both forms of labels, and every fault of them with its line."""

import json

import pytest

from engine.label_rows import Label, Row, rows_of_csv, rows_of_manifest

HEAD = "file,phrase,start_ms,end_ms\n"


def csv(text: str | bytes) -> tuple[list[Row], list[str]]:
    faults: list[str] = []
    return rows_of_csv(text if isinstance(text, bytes) else text.encode(), faults), faults


def manifest(value: object) -> tuple[list[Row], list[str]]:
    faults: list[str] = []
    return rows_of_manifest(value if isinstance(value, bytes) else json.dumps(value).encode(), faults), faults


def test_a_line_is_a_phrase_at_its_place():
    rows, faults = csv(f"{HEAD}a.wav, transfer  me ,100,900\nb.wav,stop,0,1\n")
    assert faults == []
    assert rows == [
        Row("labels.csv line 2", "a.wav", Label("transfer me", 100, 900, "external", "labels.csv line 2")),
        Row("labels.csv line 3", "b.wav", Label("stop", 0, 1, "external", "labels.csv line 3")),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "end_ms,start_ms,channel,phrase,file\n900,100,internal,transfer me,a.wav",
        "\ufefffile,phrase,start_ms,end_ms,channel\r\n\r\na.wav,transfer me,100,900,internal\r\n",
        'file,phrase,start_ms,end_ms,channel\r"a.wav","transfer me",100,900,internal\r,,,,\r',
    ],
    ids=["any order", "Excel's", "old Mac's"],
)
def test_any_order_ends_of_lines_and_quotes(text):
    (row,), faults = csv(text)
    assert faults == []
    assert (row.file, row.label.phrase, row.label.channel) == ("a.wav", "transfer me", "internal")


def test_a_line_with_a_file_alone_says_that_nothing_is_said_in_it():
    assert csv(f"{HEAD}a.wav,,,\n") == ([Row("labels.csv line 2", "a.wav", None)], [])


ALLOWED = "the columns are file, phrase, start_ms, end_ms and, if wanted, channel"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ["labels.csv: empty; begin with the line file,phrase,start_ms,end_ms"]),
        ("file,phrase,start_ms,end_ms,speaker\n", [f"labels.csv line 1: unknown column 'speaker'; {ALLOWED}"]),
        ("file,phrase,start_ms\n", [f"labels.csv line 1: no column end_ms; {ALLOWED}"]),
        ("file,file,phrase,start_ms,end_ms\n", ["labels.csv line 1: column file stands there twice"]),
        (f"{HEAD}a.wav,stop,1\n", ["labels.csv line 2: 3 cells, but the header has 4; quote cells with commas"]),
        (f"{HEAD},stop,1,2\n", ["labels.csv line 2: no file; give the recording's name"]),
        (f"{HEAD}a.wav,,1,2\n", ["labels.csv line 2: phrase '' holds no word"]),
        (f"{HEAD}a.wav,?!,1,2\n", ["labels.csv line 2: phrase '?!' holds no word"]),
        (f"{HEAD}a.wav,stop,200,100\n", ["labels.csv line 2: end_ms 100 is not after start_ms 200"]),
        (f"{HEAD}a.wav,stop,100,100\n", ["labels.csv line 2: end_ms 100 is not after start_ms 100"]),
        (f'{HEAD}a.wav,"stop,1,2\n', ["labels.csv line 2: not CSV (unexpected end of data)"]),
        (f'{HEAD}a.wav,"st"op,1,2\n', ["labels.csv line 2: not CSV (',' expected after '\"')"]),
        (HEAD.encode() + b"a.wav,st\xf6p,1,2\n", ["labels.csv line 2: not UTF-8 text; save it as UTF-8"]),
        (
            "file,phrase,start_ms,end_ms,channel\na.wav,stop,1,2,left\n",
            ["labels.csv line 2: channel 'left'; give external (customer) or internal (agent)"],
        ),
    ],
)
def test_faults(text, says):
    rows, faults = csv(text)
    assert faults == says
    assert [row for row in rows if row.label] == []


@pytest.mark.parametrize("value", ["-5", "1.5", "1e3", "x", "", "٣", "9" * 13])
def test_times_are_whole_milliseconds(value):
    _, faults = csv(f"{HEAD}a.wav,stop,{value},20000\n")
    assert faults == [f"labels.csv line 2: start_ms = {value!r}: must be a whole number of milliseconds, 0 or more"]


def test_all_faults_at_once_and_a_wrong_label_still_names_its_file():
    rows, faults = csv(f"{HEAD}a.wav,,-1,x\nb.wav,stop,5,4\nc.wav,stop,4,5\n")
    assert [line.partition(": ")[0] for line in faults] == [*["labels.csv line 2"] * 3, "labels.csv line 3"]
    assert [(row.file, row.label is None) for row in rows] == [("a.wav", True), ("b.wav", True), ("c.wav", False)]


def test_a_manifest_names_recordings_and_what_is_said_in_them():
    said = {"phrase": "stop", "start_ms": 1, "end_ms": 2, "sentence": "please stop"}
    rows, faults = manifest({"calls": [{"file": "a.wav", "said": [said], "voice": "v"}, {"file": "b.wav"}]})
    assert faults == []
    assert [(row.file, row.label) for row in rows] == [
        ("a.wav", None),
        ("a.wav", Label("stop", 1, 2, "external", "manifest.json calls[0].said[0]")),
        ("b.wav", None),
    ]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"{", "manifest.json: not "),
        (b"\xff", "manifest.json: not "),
        ([], "manifest.json: not "),
        ({"calls": [{"said": []}]}, "manifest.json: not "),
        ({"calls": [{"file": "a.wav", "said": 3}]}, "manifest.json: not "),
        ({"calls": [{"file": ""}]}, "manifest.json calls[0]: file ''; give the recording's name"),
        ({"calls": [{"file": "a.wav", "said": ["stop"]}]}, "manifest.json calls[0].said[0]: phrase None holds no word"),
        (
            {"calls": [{"file": "a.wav", "said": [{"phrase": "stop", "start_ms": True, "end_ms": 2}]}]},
            "manifest.json calls[0].said[0]: start_ms = True: must be a whole number",
        ),
    ],
)
def test_faults_of_a_manifest(value, says):
    _, faults = manifest(value)
    assert faults[0].startswith(says)
    assert "\n" not in faults[0]


def test_a_manifest_that_is_nested_without_end():
    rows, faults = manifest(b"[" * 100_000)
    assert rows == []
    assert len(faults) == 1
    assert faults[0].startswith("manifest.json: not {")
