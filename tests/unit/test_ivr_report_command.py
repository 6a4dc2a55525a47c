"""``heyi ivr report``: tables in the reader's language, JSON, days that are none."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from core.bus import Bus
from core.database import Database
from core.errors import HeyiError
from heyi.cli import app
from heyi.ivr_report import language, stretch
from ivr.journal import Journal
from tests.unit.test_ivr_report import CITY, FLOWS
from tests.voice_scene import fill

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path))
    monkeypatch.setenv("HEYI_CITY", str(CITY))
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("LANG", "C.UTF-8")
    return tmp_path


def filled(site: Path, calls: int) -> None:
    async def run() -> None:
        bus = Bus()
        database = Database(f"sqlite+aiosqlite:///{site / 'heyi.db'}", bus)
        await database.upgrade()
        journal = Journal(database)
        journal.start()
        fill(journal, FLOWS, calls, datetime(2026, 11, 20, 1, tzinfo=UTC))
        await journal.close()
        await database.close()
        await bus.close()

    asyncio.run(run())


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["ivr", "report", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_tables_and_json_tell_the_same(site: Path) -> None:
    filled(site, 60)
    days = ("--from", "2026-11-20", "--to", "2026-11-21")
    chinese, english = run(*days), run(*days, "--lang", "en")
    assert "来电导航" in chinese and "请说您的诉求" in chinese
    assert "Welcome" in english and "How can we help" in english and "[city]" in english
    told = json.loads(run(*days, "--json"))
    assert sum(flow["sessions"] for flow in told["flows"]) == 60
    troubles = [step["trouble"] for step in told["steps"]]
    assert troubles == sorted(troubles, reverse=True)
    only = json.loads(run(*days, "--json", "--flow", "waiting"))
    assert {step["flow"] for step in only["steps"]} == {"waiting"} and len(only["flows"]) == 1
    assert "没有来电" in run("--from", "2026-11-01", "--to", "2026-11-02")
    with pytest.raises(HeyiError, match="no voice flow"):
        run(*days, "--flow", "nothing")


def test_days_are_the_citys() -> None:
    now = datetime(2026, 11, 20, 17, tzinfo=UTC)  # one in the morning of the 21st
    start, end = stretch(None, None, now, SHANGHAI)
    assert (end, end - start) == (datetime(2026, 11, 22, tzinfo=SHANGHAI), timedelta(days=7))
    start, end = stretch("2026-11-20", "2026-11-20", now, SHANGHAI)
    assert (start, end - start) == (datetime(2026, 11, 20, tzinfo=SHANGHAI), timedelta(days=1))
    for since, until in (("2026-11-21", "2026-11-20"), ("20.11.2026", None), (None, "2026-02-30")):
        with pytest.raises(HeyiError):
            stretch(since, until, now, SHANGHAI)


def test_the_language_is_the_terminals_unless_told() -> None:
    assert language(None, {}) == language(None, {"LANG": "zh_CN.UTF-8"}) == "zh"
    assert language(None, {"LANG": "en_US.UTF-8"}) == language("en", {"LANG": "zh_CN.UTF-8"}) == "en"
    assert language(None, {"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}) == "zh"
    with pytest.raises(HeyiError):
        language("de", {})
