"""`cueline evaluate`: how well the rules hear what is said in labelled recordings, and which options would serve better.

What is asked for is checked before anything is heard (exit code 2). A recording that can't be read to its end costs only
itself (exit code 1 at the end). Vosk, soundfile and matplotlib are loaded inside the command: the supervisor registers it
too. TARGET_KEYWORD has no say here: what is evaluated stands in the labels.
"""

import os
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import orjson
import typer
from rich.console import Console

from engine import evaluate_views
from engine.config import CommandLine, load_listening
from engine.config_layers import TARGET_KEYWORD
from engine.errors import AudioFileError, ConfigError, CuelineError, LabelsError
from engine.evaluated import Evaluation
from engine.listen_cli import INTERRUPTED, NOT_AS_IT_SHOULD, make_folder, say, stop_with
from engine.listen_views import progress_bar
from engine.logs import configure_logging
from engine.proposals import short_of_evidence

if TYPE_CHECKING:
    from engine.evaluate import Evaluator
    from engine.labels import LabelledFolder


def evaluate(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Recordings, and labels.csv: what is said in them when.")
    ],
    *,
    phrase: Annotated[
        list[str] | None,
        typer.Option(help="Phrase to hear; repeatable. Default: the rules of --config, else the labels' phrases."),
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
    false_alarms_per_hour: Annotated[
        float, typer.Option(metavar="RATE", help="What a proposed rule may bring, per hour of a channel.")
    ] = 1.0,
    plot: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw misses against false alarms (a DET curve).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False,
) -> None:
    """Hear recordings of which you know what is said when: recall, false alarms, and the rule options that serve best.

    labels.csv in the folder has the columns file, phrase, start_ms, end_ms and, if wanted, channel (external or internal),
    and a line for each place where a phrase is said. Recordings without a line count too: nothing is said in them. Without
    labels.csv a manifest.json as in engine/simulator/speech does.
    """
    configure_logging("warning")
    try:
        _check(false_alarms_per_hour, plot)
        labelled, evaluator = _prepare(folder, config_file, CommandLine(tuple(phrase or ()), model, decoding))
    except CuelineError as error:
        raise stop_with(error) from error
    for note in (*labelled.notes, *evaluator.unheard(labelled.recordings)):
        typer.echo(f"cueline: {note}", err=True)
    code = _hear_all(evaluator, labelled, json=json)
    evaluation = evaluator.evaluation()
    if not evaluation.recordings:
        say("no recording was heard to its end, so there is nothing to show")
        raise typer.Exit(code)
    _show(evaluation, false_alarms_per_hour, json=json)
    if plot and not _draw(evaluation, false_alarms_per_hour, plot, json=json):
        code = code or NOT_AS_IT_SHOULD
    raise typer.Exit(code)


def _check(false_alarms_per_hour: float, plot: Path | None) -> None:
    faults = []
    if not (isfinite(false_alarms_per_hour) and false_alarms_per_hour >= 0):
        faults.append(f"--false-alarms-per-hour = {false_alarms_per_hour}: must be a number from 0 up")
    if plot and (plot.suffix.lower() != ".png" or plot.is_dir()):
        faults.append(f"--plot = {plot}: one picture is drawn; give a name that ends in .png")
    if faults:
        raise ConfigError(faults)
    if plot:
        make_folder(plot.parent)


def _prepare(folder: Path, config_file: Path | None, said: CommandLine) -> "tuple[LabelledFolder, Evaluator]":
    """Labels read and rules loaded; CuelineError with all that is wrong with the one or the other."""
    from engine.evaluate import Evaluator, measure  # noqa: PLC0415 (loads Vosk, which the supervisor must not)
    from engine.labels import read_folder  # noqa: PLC0415 (with it, of no use before)

    faults: list[str] = []
    labelled = None
    try:
        labelled = read_folder(folder, measure)
    except LabelsError as error:
        faults += error.faults
    labels = CommandLine(said.phrases, said.model_path, said.decoding, labelled=labelled.phrases if labelled else ())
    environ = {name: value for name, value in os.environ.items() if name != TARGET_KEYWORD}
    try:
        options = load_listening(config_file, environ, labels)
    except ConfigError as error:
        raise ConfigError([*faults, *error.faults]) from error
    if labelled is None:
        raise LabelsError(faults)
    if not (labelled.phrases or said.phrases or config_file):
        raise LabelsError([f"{folder}: the labels name no phrase; give --phrase, or --config with rules"])
    return labelled, Evaluator(options.speech, options.rules)


def _hear_all(evaluator: "Evaluator", labelled: "LabelledFolder", *, json: bool) -> int:
    """One after the other; Ctrl-C leaves what was heard so far. Return the exit code."""
    code, count = 0, len(labelled.recordings)
    try:
        for number, recording in enumerate(labelled.recordings, start=1):
            try:
                with progress_bar(f"{number}/{count} {recording.path.name}", Console(stderr=True)) as progress:
                    heard = evaluator.hear(recording, progress)
            except AudioFileError as error:
                say(str(error))
                code = NOT_AS_IT_SHOULD
                row = evaluate_views.failed_row(recording.path, str(error))
            else:
                row = evaluate_views.recording_row(heard, len(recording.labels))
            if json:
                typer.echo(orjson.dumps(row))
    except KeyboardInterrupt:
        say(f"stopped; {evaluator.evaluation().recordings} of {count} recordings were heard to their end")
        return INTERRUPTED
    return code


def _show(evaluation: Evaluation, false_per_hour: float, *, json: bool) -> None:
    if json:
        for row in evaluate_views.rows(evaluation, false_per_hour):
            typer.echo(orjson.dumps(row))
        return
    Console().print(evaluate_views.table(evaluation))
    Console(highlight=False).print(f"\n{evaluate_views.legend(evaluation)}", markup=False)
    if note := short_of_evidence(evaluation.hours, false_per_hour):
        Console(highlight=False).print(note, markup=False)
    typer.echo(f"\n{evaluate_views.proposal_heading(false_per_hour)}\n")
    typer.echo(evaluate_views.proposal_text(evaluation, false_per_hour), nl=False)


def _draw(evaluation: Evaluation, false_per_hour: float, picture: Path, *, json: bool) -> bool:
    """Whether it could be written; else it has been said why not."""
    from engine import det  # noqa: PLC0415 (matplotlib takes half a second to load, and only pictures need it)

    try:
        det.draw(evaluation, false_per_hour, picture)
    except OSError as error:
        say(f"{picture}: the picture can't be written ({error.strerror})")
        return False
    typer.echo(orjson.dumps({"event": "picture", "file": str(picture)}) if json else f"\npicture: {picture}")
    return True
