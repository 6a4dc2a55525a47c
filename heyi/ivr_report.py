"""``heyi ivr report``: where callers leave, before a person, and the worst step first."""

import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.i18n import Language
from desk.voice.voicepages import percent
from desk.voice.voiceviews import HEADS, OUTCOME_NAMES, TROUBLE_NAMES, VoiceViews
from heyi.site import with_database
from ivr.journalread import Found, read
from ivr.report import OUTCOMES, TROUBLES, FlowFigures, Longest, Report, StepFigures, report, walks

#: Days that are reckoned where none were asked for.
_DAYS = 7
#: Ways of a step that are told; the page has all.
_WAYS = 4


def report_command(
    since: Annotated[str | None, typer.Option("--from", help="First day, 2026-11-16; without it the last 7.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day; without it today.")] = None,
    flow: Annotated[str | None, typer.Option(help="Key of one flow; without it all of them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    lang: Annotated[str | None, typer.Option(help="zh or en; without it that of LANG.")] = None,
) -> None:
    """Where callers leave before a person: outcomes of each flow, times, and its steps with the worst first."""
    settings = Settings()
    city = load_city(settings.city_folder)
    flows = {one.key: one for one in city.ivr}
    now = SystemClock().now()
    start, end = stretch(since, until, now, ZoneInfo(city.profile.timezone))

    async def rows(database: Database) -> Found:
        async with database.read() as session:
            return await read(session, start, end, now)

    found = with_database(settings, rows)
    walked = walks(found.sessions, found.steps, found.answered, flows)
    known = {*flows, *(step.flow for step in found.steps), *(one.flow for one in found.sessions)}
    if flow is not None and flow not in known:
        raise HeyiError(f"the city has no voice flow {flow!r}", hint=", ".join(sorted(known)) or "see docs/ivr.md")
    made = report(walked, flow or "")
    if as_json:
        stretched = {"from": start.isoformat(), "to": end.isoformat()}
        print(json.dumps({**stretched, **made.plain()}, ensure_ascii=False))
    else:
        show(made, VoiceViews(city, language(lang, os.environ)), Console())


def language(wished: str | None, environment: Any) -> Language:
    """What ``--lang`` says, else the terminal's; Chinese where that says nothing of English."""
    if wished is not None and wished not in ("zh", "en"):
        raise HeyiError(f"--lang {wished}: there is zh and en")
    told = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "en" if (wished or told).lower().startswith("en") else "zh"


def stretch(since: str | None, until: str | None, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the midnight before the first day to the one after the last, by the city's clock."""
    last = _day(until, zone) if until else now.astimezone(zone)
    end = last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    start = _day(since, zone) if since else end - timedelta(days=_DAYS)
    if start >= end:
        raise HeyiError(f"--from {since} lies after --to {until or 'today'}")
    return start, end


def _day(text: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        raise HeyiError(f"{text!r} is no day", hint="write it as 2026-11-16") from None


def show(made: Report, views: VoiceViews, console: Console) -> None:
    """Both tables, in the language of ``views``."""
    if not made.flows:
        console.print(views.text("这段时间没有来电经过语音"))
        return
    console.print(_outcomes(made.flows, views))
    console.print(_steps(made.steps, views))


def _outcomes(flows: Iterable[FlowFigures], views: VoiceViews) -> Table:
    table = Table(title=views.text("来电人在语音中的结果"), title_justify="left")
    table.add_column(views.text(HEADS["flow"]))
    # Only what happened: ten columns of noughts tell nobody anything.
    outcomes = [key for key in OUTCOMES if any(flow.outcomes[key] for flow in flows)]
    heads = [HEADS["sessions"], *(OUTCOME_NAMES[key] for key in outcomes)]
    for head in (*heads, *(HEADS[key] for key in ("answers", "voice", "longest_voice", "longest_person"))):
        table.add_column(views.text(head), justify="right")
    for one in flows:
        table.add_row(
            views.flow(one.flow), str(one.sessions),
            *(f"{one.outcomes[key]} ({percent(one.share(key))})" if one.outcomes[key] else "0" for key in outcomes),
            str(one.answers), f"{one.voice_median_s:.0f} / {one.voice_p95_s:.0f}",
            _longest(one.longest_voice, views), _longest(one.longest_person, views),
        )  # fmt: skip
    return table


def _longest(found: Longest | None, views: VoiceViews) -> str:
    return "–" if found is None else f"{views.text('{s} 秒').format(s=f'{found.seconds:.0f}')}\n{found.call_id}"


def _steps(steps: Iterable[StepFigures], views: VoiceViews) -> Table:
    table = Table(title=views.text("各环节，问题多的在前"), title_justify="left", show_lines=True)
    table.add_column(views.text(HEADS["step"]), overflow="fold")
    table.add_column(views.text(HEADS["words"]), max_width=28, overflow="fold")
    for head in (HEADS["entered"], *(TROUBLE_NAMES[key] for key in TROUBLES), HEADS["hung_up"], HEADS["seconds"]):
        table.add_column(views.text(head), justify="right")
    table.add_column(views.text(HEADS["ways"]), overflow="fold")
    for place, one in enumerate(steps):
        key = f"{one.flow}/{one.step}"
        ways = [f"{views.way(key, way.why, way.to)} {way.count}" for way in one.ways if way.to != ":caller"]
        if len(ways) > _WAYS:
            ways = [*ways[:_WAYS], "…"]
        table.add_row(
            Text(f"{views.step(key)}\n{key}"), Text(views.words(key)), str(one.entered),
            *(str(one.troubles[trouble]) for trouble in TROUBLES), str(one.hung_up),
            f"{one.median_s:.1f} / {one.p95_s:.1f}", Text("\n".join(ways)),
            style="bold yellow" if place == 0 and one.trouble else None,
        )  # fmt: skip
    return table
