"""The start with changed files: laid even with the database first, whatever is broken left out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.bus import Bus
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.config.catalogue import RULES
from desk.config.service import Configuration
from heyi.configuring import _blanked, laid_out, opened, own_rules
from tests.unit.test_city_file import SMALL, write

LINES = SMALL["lines.yaml"]
_QUESTIONS = b"version: 1\nreviewed: 2026-11-21\nquestions: {E101: [[a, b], [c, d], [e, f]]}\n"
RENAMED = LINES.replace("name: 报警\n", "name: 报警服务台\n")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    seed = tmp_path / "small"
    seed.mkdir()
    write(seed)
    return Settings(city=seed, data=tmp_path / "data", secret="for tests only", min_free_mb=0)


def with_versions(settings: Settings, do: Callable[[Configuration], Awaitable[object]]) -> None:
    async def run() -> None:
        bus = Bus()
        database = Database(settings.db_url, bus)
        await database.upgrade()
        await do(Configuration(database, SystemClock(), settings.city_folder))
        await database.close()
        await bus.close()

    settings.data.mkdir(exist_ok=True)
    asyncio.run(run())


def test_the_start_takes_what_was_saved_whatever_became_of_the_folder(settings: Settings) -> None:
    with_versions(settings, lambda room: room.save("lines.yaml", RENAMED, base=0, who="admin", why="试一试"))
    changed = settings.city_folder.changed
    assert changed is not None and opened(settings).lines[0].name == "报警服务台"
    (changed / "lines.yaml").write_text("- broken", "utf-8")
    assert opened(settings).lines[0].name == "报警", "without a database: the city's own in its place"
    assert laid_out(settings).lines[0].name == "报警服务台", "with it: what was saved"
    assert (changed / "lines.yaml").read_text("utf-8") == RENAMED


def test_a_site_where_nobody_changed_anything_starts_as_ever(settings: Settings) -> None:
    assert laid_out(settings).lines[0].name == "报警"
    assert settings.city_folder.changes() == []


def test_a_city_has_its_own_rules_and_heyis_where_they_cannot_be_read(settings: Settings) -> None:
    own = (RULES / "emergency.yaml").read_text("utf-8")
    version = own_rules(settings)[0].version
    settings.city_folder.write("rules/emergency.yaml", own.replace(f"version: {version}", "version: 4711", 1).encode())
    assert own_rules(settings)[0].version == 4711
    settings.city_folder.write("rules/emergency.yaml", b"version: x\n")
    settings.city_folder.write("rules/questions.yaml", _QUESTIONS)
    rules, _, questions = own_rules(settings)
    assert rules.version == version and list(questions) == ["E101"]


def test_no_secret_is_shown() -> None:
    shown = _blanked(
        "secret = abc\n password=def\nsecretary = x\n same => n,AGI(agi://127.0.0.1:4573/w,t0k3n,${LINE})\n"
    )
    assert "abc" not in shown and "def" not in shown and "t0k3n" not in shown
    assert "secretary = x" in shown and "${LINE}" in shown


def test_a_broken_folder_is_told_by_file_and_line(settings: Settings) -> None:
    (settings.city / "lines.yaml").write_text("- broken", "utf-8")
    with pytest.raises(HeyiError, match=r"lines\.yaml:1"):
        opened(settings)
