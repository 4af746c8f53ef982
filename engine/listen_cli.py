"""`cueline listen`: the phrases in recordings, as on live calls but as fast as the machine can.

What is asked for is checked before anything is heard (exit code 2). A recording that can't be read costs only itself
(exit code 1 at the end). Vosk, soundfile and matplotlib are loaded inside the command: the supervisor registers it too.
"""

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from engine.config import CommandLine, load_listening
from engine.errors import AudioFileError, ConfigError, CuelineError
from engine.heard import FileHeard
from engine.listen_views import JsonLines, Report, View, progress_bar
from engine.logs import configure_logging

if TYPE_CHECKING:
    from engine.listen import Listener

NOT_AS_IT_SHOULD, WRONG_INPUT, INTERRUPTED = 1, 2, 130


def listen(
    files: Annotated[
        list[Path], typer.Argument(help="WAV, FLAC, OGG or MP3, 8 kHz or more. Stereo: left customer, right agent.")
    ],
    *,
    phrase: Annotated[
        list[str] | None,
        typer.Option(help="Phrase to hear; repeatable. Default: TARGET_KEYWORD, else the file's rules."),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", "-c", help="TOML file with rules and settings.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a Vosk model; default: VOSK_MODEL_PATH, else English.")
    ] = None,
    decoding: Annotated[
        Literal["grammar", "free"] | None, typer.Option(help="Hear the phrases only, or any words (dearer).")
    ] = None,
    fire_on: Annotated[
        Literal["partial", "final"] | None, typer.Option(help="As soon as heard, or at the end of the utterance.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG|FOLDER", help="Draw what was heard when: one PNG, or a folder of them.")
    ] = None,
    transcript: Annotated[
        bool, typer.Option("--transcript", help="Show the words heard; best with --decoding free.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
) -> None:
    """Hear the phrases in recordings, exactly as on live calls but as fast as this machine can."""
    configure_logging("warning")
    try:
        pictures = _pictures(files, plot)
        options = load_listening(config_file, os.environ, CommandLine(tuple(phrase or ()), model, decoding, fire_on))
        from engine.listen import Listener  # noqa: PLC0415 (loads Vosk, which the supervisor must not)

        listener = Listener(options.speech, options.rules)
    except CuelineError as error:
        raise stop_with(error) from error
    show = JsonLines(with_words=transcript) if json else Report(options.rules, with_words=transcript)
    code = _listen_to_all(listener, list(zip(files, pictures, strict=True)), show)
    show.end()
    raise typer.Exit(code)


def _listen_to_all(listener: "Listener", recordings: Sequence[tuple[Path, Path | None]], show: View) -> int:
    """One after the other; Ctrl-C leaves what was heard so far. Return the exit code."""
    code = 0
    try:
        for path, picture in recordings:
            if not _listen_to(listener, path, picture, show):
                code = NOT_AS_IT_SHOULD
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _listen_to(listener: "Listener", path: Path, picture: Path | None, show: View) -> bool:
    """Whether all went well with this one; else it has been said what did not."""
    try:
        with progress_bar(path.name, Console(stderr=True)) as progress:
            heard = listener.hear(path, progress)
        show.heard(heard)
        if picture:
            _draw(heard, picture)
            show.drawn(picture)
    except AudioFileError as error:
        show.failed(path, str(error))
        say(str(error))
        return False
    return True


def _draw(heard: FileHeard, picture: Path) -> None:
    from engine import timeline  # noqa: PLC0415 (matplotlib takes half a second to load, and only pictures need it)

    try:
        timeline.draw(heard, picture)
    except OSError as error:
        raise AudioFileError(f"{picture}: the picture can't be written ({error.strerror})") from error


def _pictures(files: Sequence[Path], plot: Path | None) -> list[Path | None]:
    """Where each recording's picture goes. A name that ends in .png is a picture, any other a folder, made if need be."""
    if plot is None:
        return [None] * len(files)
    if plot.suffix.lower() == ".png" and not plot.is_dir():
        if len(files) > 1:
            raise ConfigError([f"--plot = {plot}: one picture can't show {len(files)} recordings; give a folder"])
        make_folder(plot.parent)
        return [plot]
    make_folder(plot)
    return [plot / name for name in _picture_names(files)]


def make_folder(folder: Path) -> None:
    """For pictures; ConfigError where none can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError([f"--plot = {folder}: no folder can be made there ({error.strerror})"]) from error


def _picture_names(files: Sequence[Path]) -> list[str]:
    """`call.png` for `call.wav`; a second `call` from elsewhere gets a number."""
    names: list[str] = []
    for file in files:
        tried = (file.stem if number == 1 else f"{file.stem}-{number}" for number in count(1))
        names.append(next(f"{stem}.png" for stem in tried if f"{stem}.png" not in names))
    return names


def stop_with(error: CuelineError) -> typer.Exit:
    """Say each fault on a line of its own."""
    for fault in getattr(error, "faults", [str(error)]):
        say(fault)
    return typer.Exit(WRONG_INPUT)


def say(text: str) -> None:
    """A line about what is wrong."""
    typer.secho(f"cueline: {text}", err=True, fg="red")
