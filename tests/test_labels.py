"""A folder's recordings and labels together: what is in it, and what does not fit."""

import shutil

import numpy as np
import pytest
import soundfile

from engine.errors import AudioFileError, LabelsError
from engine.labels import read_folder
from engine.simulator.options import SPEECH_DIR
from tests.support.listening import CALLS, MANIFEST, call

HEAD = "file,phrase,start_ms,end_ms,channel\n"


def measure(path):
    """As the engine's, of what the tests write."""
    try:
        info = soundfile.info(path)
    except soundfile.SoundFileError as error:
        raise AudioFileError(f"{path}: not a recording") from error
    return info.channels, info.frames / info.samplerate


@pytest.fixture
def folder(tmp_path):
    """One second of mono, one of stereo."""
    soundfile.write(tmp_path / "mono.wav", np.zeros(8000), 8000)
    soundfile.write(tmp_path / "stereo.flac", np.zeros((8000, 2)), 8000)
    return tmp_path


def labelled(folder, lines):
    (folder / "labels.csv").write_text(HEAD + lines)
    return read_folder(folder, measure)


def faults(folder):
    with pytest.raises(LabelsError) as caught:
        read_folder(folder, measure)
    assert str(caught.value).splitlines() == caught.value.faults
    return caught.value.faults


def test_the_shipped_speech_folder():
    found = read_folder(SPEECH_DIR, measure)
    assert [recording.path.name for recording in found.recordings] == list(CALLS)
    assert [len(recording.labels) for recording in found.recordings] == [len(each["said"]) for each in CALLS.values()]
    assert set(found.phrases) == set(MANIFEST["phrases"])
    assert found.notes == ()


def test_recordings_that_are_not_named_are_talk_and_told(folder):
    (folder / "README.md").write_text("no recording")
    (folder / "sub.wav").mkdir()
    found = labelled(folder, "./mono.wav,Stop,100,900,\nmono.wav,stop!,10,90,external\n")
    assert [
        (recording.path.name, [label.start_ms for label in recording.labels]) for recording in found.recordings
    ] == [
        ("mono.wav", [10, 100]),
        ("stereo.flac", []),
    ]
    assert found.phrases == ("stop!",)
    assert found.notes == ("stereo.flac: not named in labels.csv, so heard as talk in which no phrase is said",)


def test_many_are_told_in_short(folder):
    for number in range(9):
        shutil.copy(folder / "mono.wav", folder / f"talk-{number}.wav")
    (note,) = labelled(folder, "mono.wav,,,,\nstereo.flac,,,,\n").notes
    assert note.startswith("talk-0.wav, talk-1.wav, talk-2.wav, talk-3.wav, talk-4.wav and 4 more: not named")


def test_the_csv_goes_before_the_manifest(folder):
    (folder / "manifest.json").write_text('{"calls": [{"file": "gone.wav"}]}')
    assert labelled(folder, "mono.wav,stop,1,2,\n").phrases == ("stop",)
    (folder / "labels.csv").unlink()
    (fault,) = faults(folder)
    assert fault.startswith(f"manifest.json calls[0]: {folder}/gone.wav: ")


def test_all_that_does_not_fit_is_told_at_once(folder):
    (folder / "text.wav").write_text("hello")
    lines = [
        "mono.wav,stop,100,1021,",  # a frame beyond the end, and a millisecond
        "mono.wav,stop,100,1020,",
        "mono.wav,stop,100,900,internal",
        "stereo.flac,stop,100,900,internal",
        "stereo.flac,STOP,100,900,internal",
        "gone.wav,stop,100,900,",
        "text.wav,stop,100,900,",
        "mono.wav,stop,9,3,",
    ]
    (folder / "labels.csv").write_text(HEAD + "\n".join(lines))
    assert faults(folder) == [
        "labels.csv line 9: end_ms 3 is not after start_ms 9",
        "labels.csv line 2: end_ms 1021 lies beyond the end of mono.wav, 1000 ms",
        "labels.csv line 4: channel internal, but mono.wav is mono, which is taken for external",
        "labels.csv line 6: says the same as labels.csv line 5; label each place once",
        f"labels.csv line 7: {folder}/gone.wav: not a recording",
        f"labels.csv line 8: {folder}/text.wav: not a recording",
    ]


def test_no_folder_no_labels_no_recordings(tmp_path):
    (fault,) = faults(tmp_path / "none")
    assert fault == f"{tmp_path}/none: can't be read (No such file or directory); give a folder of recordings"
    (fault,) = faults(call("call-01.wav"))
    assert "Not a directory" in fault
    (fault,) = faults(tmp_path)
    assert fault.startswith(
        f"{tmp_path}: holds neither labels.csv nor manifest.json; give labels.csv with a line file,"
    )
    (tmp_path / "labels.csv").write_text(HEAD)
    (fault,) = faults(tmp_path)
    assert fault.startswith(f"{tmp_path}: holds no recording; recordings end in .aif, ")


def test_labels_that_can_not_be_read(folder):
    (folder / "labels.csv").mkdir()
    assert faults(folder) == [f"{folder}/labels.csv: can't be read (Is a directory)"]


def test_a_length_that_the_header_does_not_know_is_not_held_against_a_label(folder):
    (folder / "labels.csv").write_text(HEAD + "mono.wav,stop,1,99999,\n")
    assert read_folder(folder, lambda path: (1, None)).phrases == ("stop",)
