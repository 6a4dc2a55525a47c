"""``heyi ivr``: what callers may meet before a person."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from asr import models
from asr.decode.direct import Direct
from asr.engines.load import load_engine
from asr.record.soundfiles import read_sound
from asr.record.transcribe import transcribe
from core.city import City
from core.city_ivr import IvrFlow
from core.cityfile import load_city
from core.cityfolder import CityFolder
from core.errors import HeyiError
from core.settings import Settings
from heyi.ivr_sounds import TEXTS, export_texts, rows
from heyi.ivr_try import Walk
from heyi.sounds import recorded_of, store_of
from heyi.speech import improver_of
from ivr.diagram import mermaid, summary
from ivr.signals import Judged
from triage.cityrules import city_rules
from triage.judge import Judge
from triage.learn.shelf import ensure_model
from triage.turns import Turn

console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="Voice flows: what callers may meet before a person.")

Folder = Annotated[Path | None, typer.Option("--city", help="A city folder; without it the site's.")]
#: What a flow finds in a call that is only tried: shown to whoever tries it, replaced by --set.
_KNOWN = {"open": "yes", "hour": "9", "caller": "known", "place": "3", "wait": "5", "ticket": "1", "matter": "路灯不亮"}


@app.command("check")
def check(city: Folder = None) -> None:
    """Check the city's voice flows; a fault is told with its file and line, a trap with its path, and exit 1."""
    flows = _flows(_city(city))
    for key in flows:
        console.print(summary(flows, key), highlight=False, soft_wrap=True)
    if not flows:
        console.print("the city has no voice flows: callers go straight to the queue")


@app.command("draw")
def draw(
    flow: Annotated[str | None, typer.Argument(help="Key of one flow; without it all of them.")] = None,
    city: Folder = None,
) -> None:
    """Print flows as Mermaid flowcharts."""
    flows = _flows(_city(city))
    shown = [_one(flows, flow)] if flow is not None else list(flows.values())
    print("\n\n".join(f"%% {one.key} {one.name}\n{mermaid(one)}" for one in shown))


@app.command("try")
def try_command(
    flow: Annotated[str, typer.Argument(help="Key of the flow.")],
    script: Annotated[Path | None, typer.Option(help="Read what is typed from this file, a line each.")] = None,
    line: Annotated[str | None, typer.Option(help="The line that was dialled.")] = None,
    values: Annotated[list[str] | None, typer.Option("--set", help="A variable: place=3")] = None,
    city: Folder = None,
) -> None:
    """Walk a flow. Type keys (1, 0007#), words (> 家里停水了) or the path of a recording; an empty line is silence.

    A look-up is answered by its result and values (found ticket=0007 progress=已派单), or "failed". The end of the
    input is the caller's own end.
    """
    site = _city(city)
    flows = _flows(site)
    chosen = _one(flows, flow)
    number = line or next(iter(chosen.use.lines), "12345")
    if (dialled := site.line(number)) is None:
        raise HeyiError(f"the city has no line {number}", hint="see lines.yaml")
    known = {"city": site.profile.name, "line": number, "line_name": dialled.name, **_KNOWN, **_pairs(values or [])}
    ears = Listener(site, number, _files(city))
    try:
        Walk(flows, flow, known, ears, _lines(script), print, echo=script is not None).run()
    finally:
        ears.close()


@app.command("sounds")
def sounds_command(
    export: Annotated[Path | None, typer.Option(help="Write the texts to record into this folder.")] = None,
    missing: Annotated[bool, typer.Option("--missing", help="List only what nobody can hear yet.")] = False,
) -> None:
    """List every prompt: recorded, spoken or missing, its seconds and its text. A bad recording is told, and exit 1."""
    settings = Settings()
    site = load_city(settings.city_folder)
    if export is not None:
        console.print(
            f"{export_texts(site, export)} texts to record: {export / TEXTS}", highlight=False, soft_wrap=True
        )
        return
    recorded, faults = recorded_of(settings, site)
    for row in rows(site, recorded, store_of(settings, site)):
        if (row.state != "recorded" and row.state != "spoken") or not missing:
            print(row.line())
    for fault in faults:
        console.print(f"[red]{escape(fault.message)}[/red]  {escape(fault.hint)}", highlight=False, soft_wrap=True)
    raise typer.Exit(bool(faults))


class Listener:
    """The city's own recognition and judgement, each loaded when the first words come."""

    def __init__(self, city: City, line: str, files: CityFolder) -> None:
        """``files``: where the city's rules lie."""
        self._city, self._files = city, files
        self._line = line
        self._settings = Settings()
        self._judge: Judge | None = None
        self._decoder: Direct | None = None

    def words(self, sound: Path) -> str:
        """What is said in a recording; of a stereo one, on its left side."""
        pcm = read_sound(sound)[0]
        if self._decoder is None:
            folder = models.require(self._city.profile.asr_model, self._settings.cache)
            engine = load_engine(self._city.profile.asr_engine, folder, threads=1)
            words = improver_of(self._settings, self._city, engine)
            self._decoder = Direct(engine, words.improve if words else None)
        found = asyncio.run(transcribe({"caller": pcm}, self._decoder))
        return "，".join(segment.found.text for segment in found)

    def judged(self, words: list[str]) -> Judged:
        """Triage's verdict on all that was said."""
        if self._judge is None:
            rules, categories, _ = city_rules(self._files)
            model = ensure_model(self._settings, self._city, console)
            self._judge = Judge(self._city, rules, categories, model=model)
        verdict = self._judge.judge(self._line, [Turn("caller", text) for text in words])
        first = verdict.candidates[0] if verdict.candidates else None
        return Judged(verdict.outcome, first.code if first else "", first.probability if first else 0.0)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()


def _files(folder: Path | None) -> CityFolder:
    return Settings().city_folder if folder is None else CityFolder(folder)


def _city(folder: Path | None) -> City:
    return load_city(_files(folder))


def _flows(city: City) -> dict[str, IvrFlow]:
    return {flow.key: flow for flow in city.ivr}


def _one(flows: dict[str, IvrFlow], key: str) -> IvrFlow:
    if key not in flows:
        raise HeyiError(f"the city has no voice flow {key!r}", hint=", ".join(flows) or "see docs/ivr.md")
    return flows[key]


def _pairs(values: list[str]) -> dict[str, str]:
    for value in values:
        if "=" not in value:
            raise HeyiError(f"--set {value} sets nothing", hint="--set place=3")
    return dict(value.partition("=")[::2] for value in values)


def _lines(script: Path | None) -> Iterator[str]:
    if script is None:
        yield from sys.stdin
        return
    try:
        yield from script.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise HeyiError(f"{script} cannot be read: {error}") from error
