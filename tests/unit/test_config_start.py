"""The start with changed files: laid even with the database first, whatever is broken left out."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from core.bus import Bus
from core.city import City
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from desk.config.catalogue import RULES
from desk.config.checking import opening
from desk.config.service import Configuration
from heyi.configuring import AsteriskConfig, _blanked, laid_out, opened, own_rules
from heyi.restore_command import restore
from quality.checks.rulebook import sound_rulebook
from tests.unit.test_city_file import SMALL, write

LINES = SMALL["lines.yaml"]
_QUESTIONS = b"version: 1\nreviewed: 2026-11-21\nquestions: {E101: [[a, b], [c, d], [e, f]]}\n"
T = TypeVar("T")
SECOND = LINES.replace("name: 报警\n", "name: 报警二台\n")
RENAMED = LINES.replace("name: 报警\n", "name: 报警服务台\n")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    seed = tmp_path / "small"
    seed.mkdir()
    write(seed)
    return Settings(city=seed, data=tmp_path / "data", secret="for tests only", min_free_mb=0)


def with_versions(
    settings: Settings, do: Callable[[Configuration], Awaitable[T]], fit: Callable[[City], None] | None = None
) -> T:
    async def run() -> T:
        bus = Bus()
        database = Database(settings.db_url, bus)
        await database.upgrade()
        try:
            return await do(Configuration(database, SystemClock(), settings.city_folder, fit))
        finally:
            await database.close()
            await bus.close()

    settings.data.mkdir(exist_ok=True)
    return asyncio.run(run())


def saved(settings: Settings, name: str, text: str, base: int = 0) -> None:
    with_versions(settings, lambda room: room.save(name, text, base=base, who="admin", why="试一试"))


def no_second_police(city: City) -> None:
    """As a newer heyi might ask."""
    if city.lines[0].name == "报警二台":
        raise HeyiError("the dialplan has no place for 报警二台")


def test_the_start_takes_what_was_saved_whatever_became_of_the_folder(settings: Settings) -> None:
    with_versions(settings, lambda room: room.save("lines.yaml", RENAMED, base=0, who="admin", why="试一试"))
    changed = settings.city_folder.changed
    assert changed is not None and opened(settings).lines[0].name == "报警服务台"
    (changed / "lines.yaml").write_text("- broken", "utf-8")
    assert opened(settings).lines[0].name == "报警", "without a database: the city's own in its place"
    assert laid_out(settings)[0].city.lines[0].name == "报警服务台", "with it: what was saved"
    assert (changed / "lines.yaml").read_text("utf-8") == RENAMED


def test_a_site_where_nobody_changed_anything_starts_as_ever(settings: Settings) -> None:
    assert laid_out(settings)[0].city.lines[0].name == "报警"
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


def test_a_citys_words_for_checks_give_way_to_those_that_can_be_read(settings: Settings) -> None:
    rule = "version: {}\nreviewed: 2026-11-21\nrules:\n- name: {}\n  label: 试一试\n  severity: minor\n"
    rule += "  reason: 只为试验\n  terms: [喂喂喂]\n"

    def names() -> set[str]:
        return {wording.name for wording in sound_rulebook(settings.city_folder).wordings}

    own = names()
    (settings.city / "checks.yaml").write_text(rule.format(1, "city.came"), "utf-8")
    assert names() == own | {"city.came"}
    settings.city_folder.write("checks.yaml", rule.format(2, "city.changed").encode())
    assert names() == own | {"city.changed"}
    settings.city_folder.write("checks.yaml", rule.format("two", "city.changed").encode())
    assert names() == own | {"city.came"}
    (settings.city / "checks.yaml").write_text("- no rules", "utf-8")
    assert names() == own


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


# --- what heyi last started with --------------------------------------------------------------------------------------


def test_a_file_with_which_heyi_would_not_open_is_left_out_and_the_way_back_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(AsteriskConfig, "fit", lambda _, city: no_second_police(city))
    saved(settings, "desks.yaml", SMALL["desks.yaml"].replace("一号席", "甲席"))
    saved(settings, "lines.yaml", SECOND)
    with capture_logs() as logs:
        made, since = laid_out(settings)
    assert made.left_out == {"lines.yaml"} and since == ["desks.yaml", "lines.yaml"]
    assert made.city.lines[0].name == "报警" and made.city.desks[0].name == "甲席", "the other change holds"
    told = next(entry for entry in logs if entry["log_level"] == "error")
    assert (told["file"], told["fault"]) == ("lines.yaml", "the dialplan has no place for 报警二台")
    assert told["put_back"] == "./run heyi city restore lines.yaml"


def test_what_no_change_has_broken_leaves_no_change_out(settings: Settings) -> None:
    saved(settings, "lines.yaml", RENAMED)

    def nothing_fits(_: City) -> None:
        raise HeyiError("no Asterisk here")

    made = opening(settings.city_folder, nothing_fits)
    assert made.faults == [] and made.city.lines[0].name == "报警服务台"


def test_two_changes_that_only_together_are_at_fault_are_both_left_out(settings: Settings) -> None:
    saved(settings, "lines.yaml", SECOND)
    saved(settings, "desks.yaml", SMALL["desks.yaml"].replace("一号席", "甲席"))

    def either(city: City) -> None:
        if city.lines[0].name == "报警二台" or city.desks[0].name == "甲席":
            raise HeyiError("no")

    made = opening(settings.city_folder, either)
    assert made.left_out == {"lines.yaml", "desks.yaml"} and made.city.lines[0].name == "报警"


def test_the_version_that_started_last_is_put_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(AsteriskConfig, "fit", lambda _, city: no_second_police(city))
    for name, value in (("CITY", settings.city), ("DATA", settings.data), ("SECRET", "for tests only")):
        monkeypatch.setenv(f"HEYI_{name}", str(value))
    saved(settings, "lines.yaml", RENAMED)
    with_versions(settings, lambda room: room.note_started())
    assert settings.city_folder.changes() == ["lines.yaml"], "what is noted is no file of the city"
    with pytest.raises(HeyiError, match="as it was when heyi last started"):
        restore("lines.yaml")
    saved(settings, "lines.yaml", SECOND, base=1)
    saved(settings, "desks.yaml", SMALL["desks.yaml"].replace("一号席", "甲席"))
    with_versions(settings, lambda room: room.note_started({"lines.yaml"}))
    with pytest.raises(HeyiError, match="one file or --all"):
        restore()
    with pytest.raises(HeyiError, match="was never changed"):
        restore("flows.yaml")
    restore("lines.yaml")
    assert "lines.yaml: version 1 again" in capsys.readouterr().err
    made, since = laid_out(settings)
    assert made.faults == [] and made.city.lines[0].name == "报警服务台" and made.city.desks[0].name == "甲席"
    assert since == ["lines.yaml"]

    saved(settings, "lines.yaml", SECOND, base=3)
    saved(settings, "desks.yaml", SMALL["desks.yaml"].replace("一号席", "乙席"), base=1)
    restore(everything=True)
    told = capsys.readouterr().err
    assert "lines.yaml: version 1 again" in told and "desks.yaml: version 1 again" in told
    assert opened(settings).desks[0].name == "甲席"
    versions = with_versions(settings, lambda room: room.versions("lines.yaml"))
    assert [each.restores for each in versions] == [1, None, 1, None, None, None], "nothing is lost by it"


def test_what_started_once_and_no_longer_fits_gives_way_to_the_citys_own(settings: Settings) -> None:
    saved(settings, "lines.yaml", SECOND)
    with_versions(settings, lambda room: room.note_started())
    back = with_versions(settings, lambda room: room.restore_started(None, who="x", why="y"), no_second_police)
    assert back == {"lines.yaml": 0} and opened(settings).lines[0].name == "报警"


def test_a_note_that_cannot_be_read_counts_for_nothing(settings: Settings) -> None:
    saved(settings, "lines.yaml", RENAMED)
    settings.city_folder.write(".started.json", b"[1")
    assert with_versions(settings, lambda room: room.changed_since_start()) == ["lines.yaml"]
