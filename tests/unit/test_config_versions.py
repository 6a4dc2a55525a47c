"""Versions of the city's files: saved, compared, taken back, refused; what was saved holds without a database."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core.audit import AuditEntry
from core.bus import Bus
from core.city import City
from core.cityfile import load_city, open_city
from core.cityfolder import CityFolder
from core.clock import ManualClock
from core.database import Database
from core.errors import CityFileError, HeyiError
from desk.config.checking import MOST, Unfit, checked, tidy
from desk.config.diffs import counts, diff, merged
from desk.config.service import Configuration, SavedMeanwhile, UnknownFile
from desk.config.shown import with_texts
from tests.eventually import until
from tests.unit.test_city_file import SMALL, write

LINES = SMALL["lines.yaml"]
RENAMED = LINES.replace("name: 报警\n", "name: 报警服务台\n")
BOMB = "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\n"


@pytest.fixture
def folder(tmp_path: Path) -> CityFolder:
    seed = tmp_path / "small"
    seed.mkdir()
    return CityFolder(write(seed), tmp_path / "data" / "city" / "small")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    bus = Bus()
    made = Database(f"sqlite+aiosqlite:///{tmp_path / 'heyi.db'}", bus)
    await made.create_all()
    yield made
    await made.close()
    await bus.close()


@pytest.fixture
def configuration(database: Database, folder: CityFolder) -> Configuration:
    return Configuration(database, ManualClock(datetime(2026, 11, 20, 1, tzinfo=UTC)), folder)


async def save(room: Configuration, name: str, text: str, base: int) -> int:
    return await room.save(name, text, base=base, who="admin", why="试一试", address="127.0.0.1")


async def deeds(database: Database) -> list[tuple[str, str]]:
    async with database.read() as session:
        rows = await session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        return [(row.what, row.detail) for row in rows]


async def test_a_saved_change_holds_for_whoever_reads_the_city(
    configuration: Configuration, folder: CityFolder, database: Database
) -> None:
    assert await save(configuration, "lines.yaml", RENAMED, 0) == 1
    assert load_city(folder).lines[0].name == "报警服务台"
    assert (folder.seed / "lines.yaml").read_text("utf-8") == LINES, "the city's own folder is never written"
    assert configuration.waiting() == ["lines.yaml"]
    versions = await configuration.versions("lines.yaml")
    assert [(v.number, v.who, v.why) for v in versions] == [(1, "admin", "试一试"), (0, "", "")]
    assert await deeds(database) == [("config_saved", "lines.yaml 1 试一试")]
    assert await configuration.content("lines.yaml") == (1, RENAMED)
    assert await configuration.content("lines.yaml", 0) == (0, LINES)


async def test_an_undo_is_a_version_of_its_own(
    configuration: Configuration, folder: CityFolder, database: Database
) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    assert await configuration.restore("lines.yaml", 0, base=1, who="admin", why="改错了") == 2
    assert folder.path("lines.yaml").read_text("utf-8") == LINES
    assert configuration.waiting() == ["lines.yaml"], "another file than at the start, until the next"
    newest = (await configuration.versions("lines.yaml"))[0]
    assert (newest.number, newest.restores) == (2, 0)
    assert (await deeds(database))[-1] == ("config_restored", "lines.yaml 2 = 0 改错了")
    with pytest.raises(UnknownFile):
        await configuration.restore("lines.yaml", 7, base=2, who="admin", why="x")


async def test_who_saves_second_is_told_and_nothing_is_lost(configuration: Configuration) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    other = LINES.replace("name: 供电\n", "name: 国网供电\n")
    with pytest.raises(SavedMeanwhile) as told:
        await save(configuration, "lines.yaml", other, 0)
    assert told.value.newest == 1
    assert await configuration.content("lines.yaml") == (1, RENAMED)
    assert await save(configuration, "lines.yaml", other, 1) == 2, "having seen it, they may"


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("lines.yaml", LINES.replace("department: power", "department: pwoer"), 14, "did you mean"),
        ("lines.yaml", LINES.replace("kind: emergency", "kind: urgent"), 4, "expected"),
        ("lines.yaml", "- [", 2, "is not YAML"),
        ("lines.yaml", "", 1, "empty"),
        ("lines.yaml", BOMB, 1, "anchor or alias"),
        ("lines.yaml", "- !!python/object/apply:os.system [id]\n", 1, "a tag"),
        ("lines.yaml", "- " * 60 + "a\n", 1, "deep"),
        ("lines.yaml", "# " + "x" * MOST, 0, "at most"),
        ("lines.yaml", "- number: \x00\n", 1, "U+0000"),
        ("city.yaml", SMALL["city.yaml"] + "timezone: Asia/Jinjiang\n", 5, "Asia/Shanghai"),
        ("departments.yaml", SMALL["departments.yaml"].replace("id: power", "id: energy"), 14, "does not exist"),
        ("rules/emergency.yaml", "version: 1\nrulez: []\n", 2, "rulez"),
        ("rules/questions.yaml", "questions: 3\n", 1, "questions"),
        ("checks.yaml", "version: 1\nnonsense: 2\n", 2, "nonsense"),
        ("cameras.csv", "a,b\n", 1, "expected id,name"),
        ("grids.geojson", '{"type":', 2, "JSON"),
    ],
)
async def test_what_the_city_would_not_open_with_is_refused_with_file_and_line(
    configuration: Configuration, folder: CityFolder, name: str, text: str, line: int, said: str
) -> None:
    with pytest.raises(Unfit) as told:
        await save(configuration, name, text, 0)
    assert any(each.line == line and said in each.text for each in told.value.faults), told.value.faults
    assert not folder.changes() and load_city(folder).lines[0].name == "报警", "what held holds on"
    assert await configuration.versions(name) == []


async def test_a_fault_is_told_at_the_file_that_no_longer_fits(configuration: Configuration) -> None:
    with pytest.raises(Unfit) as told:
        await save(configuration, "departments.yaml", SMALL["departments.yaml"].replace("id: power", "id: energy"), 0)
    assert {each.file for each in told.value.faults} == {"lines.yaml", "taxonomy.yaml"}


async def test_two_changes_that_do_not_fit_together_are_not_both_kept(configuration: Configuration) -> None:
    more = SMALL["departments.yaml"] + "- {id: water, name: 自来水公司, name_en: Water, kind: utility}\n"
    await save(configuration, "departments.yaml", more, 0)
    await save(configuration, "lines.yaml", LINES.replace("department: power", "department: water"), 0)
    with pytest.raises(Unfit, match="water"):
        await configuration.restore("departments.yaml", 0, base=1, who="admin", why="x")


async def test_what_the_start_would_refuse_is_refused(database: Database, folder: CityFolder) -> None:
    def fit(city: City) -> None:
        raise HeyiError(f"model {city.profile.asr_model} is not there")

    room = Configuration(database, ManualClock(datetime(2026, 11, 20, tzinfo=UTC)), folder, fit)
    with pytest.raises(Unfit, match="model whisper-base is not there"):
        await save(room, "lines.yaml", RENAMED, 0)


@pytest.mark.parametrize("name", ["people.yaml", "../city.yaml", "ivr/../../x.yaml", "demo.jsonl", "ivr/*.yaml", ""])
async def test_no_other_file_can_be_named(configuration: Configuration, name: str) -> None:
    for deed in (configuration.versions(name), configuration.content(name), save(configuration, name, "a", 0)):
        with pytest.raises(UnknownFile):
            await deed


async def test_a_change_needs_a_reason_and_a_difference(configuration: Configuration) -> None:
    with pytest.raises(HeyiError, match="原因"):
        await configuration.save("lines.yaml", RENAMED, base=0, who="admin", why="  ")
    with pytest.raises(HeyiError, match="没有变化"):
        await save(configuration, "lines.yaml", LINES.replace("\n", "\r\n"), 0)


async def test_a_full_disk_leaves_what_held(
    configuration: Configuration, folder: CityFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)

    def full(self: CityFolder, name: str, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    # The trial of the change writes, too, in a folder of its own.
    real = CityFolder.write
    monkeypatch.setattr(CityFolder, "write", lambda self, *a: (full if self == folder else real)(self, *a))
    with pytest.raises(OSError, match="No space"):
        await save(configuration, "lines.yaml", LINES, 1)
    assert (await configuration.content("lines.yaml"))[0] == 1
    assert folder.path("lines.yaml").read_text("utf-8") == RENAMED


async def test_a_change_whose_asker_goes_away_is_kept_whole(
    configuration: Configuration, folder: CityFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    at_work, go_on, real = threading.Event(), threading.Event(), CityFolder.write

    def slow(self: CityFolder, name: str, data: bytes) -> None:
        if self == folder:
            at_work.set()
            go_on.wait()
        real(self, name, data)

    monkeypatch.setattr(CityFolder, "write", slow)
    saving = asyncio.create_task(save(configuration, "lines.yaml", LINES, 1))
    await until(at_work.is_set, lambda: "the file is being written")
    saving.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    number, text = await configuration.content("lines.yaml")
    assert (number, text) == (2, LINES) and folder.path("lines.yaml").read_text("utf-8") == LINES


async def test_the_start_lays_folder_and_versions_even(configuration: Configuration, folder: CityFolder) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    assert folder.changed is not None
    (folder.changed / "lines.yaml").unlink()
    (folder.changed / "desks.yaml").write_text("- broken", "utf-8")
    await configuration.lay_out()
    assert folder.changes() == ["lines.yaml"]
    assert load_city(folder).lines[0].name == "报警服务台"
    assert (folder.changed / ".desks.yaml.aside").is_file(), "set aside, not lost"


def test_a_changed_file_that_no_longer_fits_does_not_keep_the_house_from_opening(folder: CityFolder) -> None:
    folder.write("lines.yaml", RENAMED.encode())
    folder.write("desks.yaml", b"- {extension: 1001}\n")
    city, faults = open_city(folder)
    assert [desk.extension for desk in city.desks] == ["1001", "1901"] and city.lines[0].name == "报警服务台"
    assert [(folder.name_of(f.file), f.line) for f in faults] == [("desks.yaml", 1)]
    # The folder itself has moved on below it: the fault is told elsewhere.
    folder.write("desks.yaml", SMALL["desks.yaml"].encode())
    folder.write("departments.yaml", b"- {id: police, name: x, name_en: x, kind: emergency}\n")
    (folder.changed / "lines.yaml").unlink()  # type: ignore[operator]
    city, faults = open_city(folder)
    assert city.department("power") is not None and faults
    (folder.seed / "lines.yaml").write_text("- broken", "utf-8")
    with pytest.raises(CityFileError):
        open_city(folder)


async def test_a_site_that_serves_another_city_takes_none_of_it(
    configuration: Configuration, database: Database, tmp_path: Path
) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    other = tmp_path / "other"
    other.mkdir()
    room = Configuration(database, ManualClock(datetime(2026, 11, 20, tzinfo=UTC)),
                         CityFolder(write(other), tmp_path / "data" / "city" / "other"))  # fmt: skip
    await room.lay_out()
    assert await room.content("lines.yaml") == (0, LINES) and await room.standings() == {}


async def test_a_city_whose_own_file_moved_on_is_told(configuration: Configuration, folder: CityFolder) -> None:
    await save(configuration, "lines.yaml", RENAMED, 0)
    assert not (await configuration.standings())["lines.yaml"].moved_on
    (folder.seed / "lines.yaml").write_text(LINES.replace("name: 供电", "name: 电力"), "utf-8")
    standing = (await configuration.standings())["lines.yaml"]
    assert standing.moved_on and standing.newest is not None and standing.newest.number == 1


_edits = st.lists(
    st.tuples(st.integers(0, 2), st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_edits, st.data())
async def test_taking_back_restores_the_bytes(tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, str]],
                                              data: st.DataObject) -> None:  # fmt: skip
    home = tmp_path_factory.mktemp("undo")
    seed = home / "small"
    seed.mkdir()
    folder = CityFolder(write(seed), home / "changed")
    bus = Bus()
    database = Database(f"sqlite+aiosqlite:///{home / 'heyi.db'}", bus)
    await database.create_all()
    try:
        room = Configuration(database, ManualClock(datetime(2026, 11, 20, tzinfo=UTC)), folder)
        had = [LINES]
        for where, comment in edits:
            text = had[-1].replace("- number", f"# {comment}\n- number", where + 1)
            if text != had[-1]:
                await save(room, "lines.yaml", text, len(had) - 1)
                had.append(tidy(text))
        back = data.draw(st.integers(0, len(had) - 2))
        await room.restore("lines.yaml", back, base=len(had) - 1, who="admin", why="恢复")
        assert folder.path("lines.yaml").read_bytes() == had[back].encode()
        for number, text in enumerate(had):
            assert (await room.content("lines.yaml", number))[1] == text
    finally:
        await database.close()
        await bus.close()


# --- differences ------------------------------------------------------------------------------------------------------


def test_a_difference_is_shown_with_its_lines_and_signs() -> None:
    lines = diff(LINES, RENAMED)
    assert [(d.sign, d.old, d.new, d.text) for d in lines if d.sign in "+−"] == [
        ("−", 2, None, "  name: 报警"), ("+", None, 2, "  name: 报警服务台")]  # fmt: skip
    assert counts(lines) == (1, 1) and lines[-1].sign == "…"
    assert diff(LINES, LINES) == [] and diff("a", "a\n") != []


@given(st.lists(st.text("ab", max_size=2), max_size=12), st.lists(st.text("ab", max_size=2), max_size=12))
def test_a_difference_leads_from_one_text_to_the_other(before: list[str], after: list[str]) -> None:
    lines = diff("\n".join([*before, "z"]), "\n".join([*after, "z"]), around=100)
    if before == after:
        assert lines == []
    else:
        assert [d.text for d in lines if d.old is not None] == [*before, "z"]
        assert [d.text for d in lines if d.new is not None] == [*after, "z"]


@given(st.data())
def test_changes_of_lines_apart_are_joined_and_others_are_not(data: st.DataObject) -> None:
    base = [f"line {n}" for n in range(20)]
    places = st.integers(0, 19)
    one, other = data.draw(places), data.draw(places)
    text, (theirs, mine) = (
        "\n".join(base) + "\n",
        ("\n".join([*base[:at], f"by {who}", *base[at + 1 :]]) + "\n" for at, who in ((one, "them"), (other, "me"))),
    )
    both = merged(text, theirs, mine)
    if abs(one - other) <= 1:
        assert both is None
    else:
        assert both == "\n".join({one: "by them", other: "by me"}.get(n, line) for n, line in enumerate(base)) + "\n"
    assert merged(text, theirs, theirs) == theirs and merged(text, text, mine) == mine


# --- at once on the pages ---------------------------------------------------------------------------------------------


def test_pages_show_new_names_and_nothing_by_which_calls_go(folder: CityFolder) -> None:
    city = load_city(folder)
    text = RENAMED.replace("opening: 请讲。", "opening: 您好，请讲。", 1).replace("priority: 100", "priority: 150")
    shown = with_texts(city, checked(folder, {"lines.yaml": text + "- number: 96110\n  name: 反诈\n  name_en: Fraud\n"
                       "  kind: service\n  priority: 12\n  opening: 您好。\n  department: police\n"}))  # fmt: skip
    assert (shown.lines[0].name, shown.lines[0].opening, shown.lines[0].priority) == ("报警服务台", "您好，请讲。", 100)
    assert shown.line("96110") is None
    assert with_texts(city, city) == city
