"""``heyi asr``: score recognition on labelled sound, and write down what is said in any recording."""

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from asr import models
from asr.decode.direct import Direct
from asr.engines.load import load_engine
from asr.measure.evaluate import evaluate
from asr.measure.manifest import read_manifest
from asr.recognition import RATE
from asr.record.formats import as_dict, as_subtitles, as_text, output_names
from asr.record.soundfiles import read_sound
from asr.record.transcribe import Segment, transcribe
from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from heyi.speech import improver_of

console = Console(stderr=True)
Form = Literal["txt", "srt", "json"]
app = typer.Typer(no_args_is_help=True, help="Speech recognition.")

Engine = Annotated[str | None, typer.Option(help="Engine instead of the city's: whisper, vosk …")]
Model = Annotated[str | None, typer.Option(help="Model instead of the city's: a name, or the path of a folder.")]


@app.command("eval")
def eval_command(
    manifest: Annotated[Path, typer.Argument(help="TSV with the columns file, text and, if there is one, place.")],
    engine: Engine = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    predictions: Annotated[
        Path | None, typer.Option(help="Write file, raw and text of every line here, as JSON lines.")
    ] = None,
) -> None:
    """Character error rate with and without the city's words, places, numbers, speed and memory; exit 1 for faults."""
    settings = Settings()
    city = load_city(settings.city_folder)
    rows, broken = read_manifest(manifest)
    name = engine or city.profile.asr_engine
    loaded = load_engine(name, models.require(model or city.profile.asr_model, settings.cache), threads=1)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console, transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("listening", total=len(rows))
        words = improver_of(settings, city, loaded)
        report = evaluate(manifest, rows, broken, loaded, words, done=lambda: progress.advance(task))
    if predictions is not None:
        try:
            report.write_predictions(predictions)
        except OSError as error:
            console.print(report)
            raise HeyiError(f"{predictions} cannot be written: {error.strerror}") from error
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False))
    else:
        console.print(report)
    for fault in report.broken:
        console.print(f"[red]{escape(str(manifest))}[/red] {escape(str(fault))}", highlight=False, soft_wrap=True)
    if report.broken:
        raise typer.Exit(1)


@app.command("transcribe")
def transcribe_command(
    files: Annotated[list[Path], typer.Argument(help="Recordings: WAV, MP3, Ogg …; of stereo, left is the caller.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each file.")] = False,
    as_srt: Annotated[bool, typer.Option("--srt", help="Subtitles.")] = False,
    as_txt: Annotated[bool, typer.Option("--txt", help="Text to read; this is what comes without an option.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for one file each; without it, standard output.")
    ] = None,
    engine: Engine = None,
    model: Model = None,
) -> None:
    """Write down what is said in recordings; a bad file is told in one line and the others go on, exit 1 at the end."""
    form = _form(as_json, as_srt, as_txt)
    if form == "srt" and output is None and len(files) > 1:
        raise HeyiError("subtitles of several recordings need a file each", hint="-o FOLDER")
    settings = Settings()
    city = load_city(settings.city_folder)
    name = engine or city.profile.asr_engine
    folder = models.require(model or city.profile.asr_model, settings.cache)
    loaded = load_engine(name, folder, threads=os.cpu_count() or 1)
    words = improver_of(settings, city, loaded)
    decoder = Direct(loaded, words.improve if words else None)
    if output is not None:
        _make(output)
    failed = 0
    try:
        for number, (file, written) in enumerate(zip(files, output_names(files, form), strict=True), 1):
            label = file.name if len(files) == 1 else f"{file.name} ({number}/{len(files)})"
            try:
                seconds, found = asyncio.run(_transcribe(file, decoder, label))
                made = _rendered(form, file, seconds, found, headed=output is None and len(files) > 1)
                if output is None:
                    print(made, end="", flush=True)
                else:
                    _write(output / written, made)
            except HeyiError as error:
                failed += 1
                console.print(f"[red]heyi:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    finally:
        decoder.close()
    if failed:
        raise typer.Exit(1)


def _form(as_json: bool, as_srt: bool, as_txt: bool) -> Form:
    if as_json + as_srt + as_txt > 1:
        raise HeyiError("--json, --srt and --txt exclude each other")
    return "json" if as_json else "srt" if as_srt else "txt"


async def _transcribe(file: Path, decoder: Direct, label: str) -> tuple[float, list[Segment]]:
    """Its length in seconds, and what is said in it."""
    channels = await asyncio.to_thread(read_sound, file)
    legs = dict(zip(("caller", "agent") if len(channels) == 2 else ("",), channels, strict=True))
    with Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=console, transient=True, redirect_stdout=False,
    ) as progress:  # fmt: skip
        task = progress.add_task(label, total=sum(pcm.size for pcm in channels) / RATE)
        # Two, so that the next stretch is ready when one is done.
        found = await transcribe(legs, decoder, ahead=2, done=lambda seconds: progress.advance(task, seconds))
    return channels[0].size / RATE, found


def _rendered(form: Form, file: Path, seconds: float, segments: Sequence[Segment], *, headed: bool) -> str:
    if form == "json":
        return json.dumps(as_dict(str(file), seconds, segments), ensure_ascii=False) + "\n"
    if form == "srt":
        return as_subtitles(segments)
    return (f"{file}\n" if headed else "") + as_text(segments) + ("\n" if headed else "")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HeyiError(f"the folder {folder} cannot be made: {error.strerror}") from error


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise HeyiError(f"{path} cannot be written: {error.strerror}") from error
