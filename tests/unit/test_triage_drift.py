"""The weekly report of disagreement, and the commands of the learning loop."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from asr.record.transcripts import Utterance
from core.cityfile import load_city
from core.database import Database
from core.errors import HeyiError
from core.settings import Settings
from heyi.triage_loop_command import app, with_database
from tests import loop_scene
from tests.loop_scene import WHERE, WORDS
from triage.learn.corpus import Example
from triage.loop.drift import Drift, Judgement, bounds, judgement, report, week_called, week_name, week_of
from triage.loop.examples import LabelledCall
from triage.loop.models import proposals
from triage.loop.tables import TriageLabel

ZONE = ZoneInfo("Asia/Shanghai")
WEEK = date(2026, 11, 16)
JINJIANG = Path("cities/jinjiang")


def label(number: int = 0, **fields: Any) -> TriageLabel:
    at = datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
    return loop_scene.label(number, **{"at": at, "said_code": "S0103", "code": "S0103", **fields})


def told(rows: Sequence[TriageLabel], weeks: int = 8) -> Drift:
    return report((judgement(row, {"119"}) for row in rows), WEEK, ZONE, weeks)


def shares(found: Drift, kind: str, measure: str) -> dict[str, tuple[int, int]]:
    return {r.key: (r.now.hits, r.now.of) for r in found.rows if (r.kind, r.measure) == (kind, measure)}


def test_by_code_line_and_desk() -> None:
    found = told([
        label(1),
        label(2, changed=["code"], said_code="S0105", desk="1002"),
        label(3, changed=["emergency", "code", "nature"], emergency=True, code="E101", nature="求助"),
        label(4, line="119", emergency=True, code="E101"),
        label(5, changed=["emergency"], said_outcome="emergency", place="池店镇"),
    ])  # fmt: skip
    assert shares(found, "all", "code") == {"": (2, 5)}
    assert shares(found, "code", "code") == {"S0103": (1, 3), "E101": (1, 2)}
    assert shares(found, "desk", "code") == {"1001": (1, 4), "1002": (1, 1)}
    assert shares(found, "line", "code") == {"119": (0, 1), "12345": (2, 4)}
    # On emergency lines policy speaks, not the software.
    assert shares(found, "line", "missed") == {"12345": (1, 1)}
    assert shares(found, "line", "raised") == {"12345": (1, 3)}
    assert shares(found, "all", "place") == {"": (0, 1)}
    assert [(c.said, c.left, c.count) for c in found.confusions] == [("S0103", "E101", 1), ("S0105", "S0103", 1)]


def test_a_change_shows_only_where_the_intervals_part() -> None:
    def of(week: int, wrong: int, right: int) -> list[TriageLabel]:
        at = datetime(2026, 11, 17, tzinfo=UTC) - timedelta(weeks=week)
        return [label(at=at, changed=["code"] if n < wrong else []) for n in range(wrong + right)]

    def trend(rows: list[TriageLabel]) -> str:
        (row,) = (r for r in told(rows).rows if (r.kind, r.measure) == ("all", "code"))
        return row.trend

    assert trend(of(0, 20, 20) + of(1, 10, 90)) == "more"
    assert trend(of(0, 0, 100) + of(1, 30, 70)) == "less"
    assert trend(of(0, 2, 2) + of(1, 1, 9)) == ""
    assert trend(of(0, 4, 0)) == ""  # nothing to compare with
    assert trend(of(0, 20, 20) + of(9, 10, 90)) == ""  # too long ago


JUDGED = st.builds(
    Judgement,
    at=st.integers(0, 90 * 86400).map(lambda s: datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=s)),
    line=st.sampled_from(["119", "12345"]), desk=st.sampled_from(["1001", "1002", ""]),
    said_code=st.just("S0103"), code=st.sampled_from(["S0103", "E101", ""]),
    wrong=st.dictionaries(st.sampled_from(["missed", "code", "nature", "place"]), st.booleans()),
)  # fmt: skip


@given(st.lists(JUDGED, max_size=40), st.integers(1, 12))
def test_parts_add_up_and_the_order_does_not_matter(judged: list[Judgement], weeks: int) -> None:
    found = report(judged, WEEK, ZONE, weeks)
    assert found == report(list(reversed(judged)), WEEK, ZONE, weeks)
    for measure in ("missed", "code"):
        whole = sum(of for _, of in shares(found, "all", measure).values())
        assert sum(of for _, of in shares(found, "line", measure).values()) == whole
        assert sum(of for _, of in shares(found, "desk", measure).values()) <= whole
    assert all(0 <= r.now.hits <= r.now.of and r.now.of > 0 for r in found.rows)
    assert all(r.now.low <= r.now.share <= r.now.high for r in found.rows)


@given(st.integers(0, 10 * 365 * 86400).map(lambda s: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=s)))
def test_every_moment_lies_in_its_week(moment: datetime) -> None:
    week = week_of(moment, ZONE)
    start, end = bounds(week, ZONE)
    assert start <= moment < end and week.weekday() == 0
    assert week_called(week_name(week)) == week


@pytest.mark.parametrize("name", ["", "2026", "2026-W60", "2026-W1x", "W47", "2026-47", "99999999-W01"])
def test_what_is_no_week_is_refused(name: str) -> None:
    with pytest.raises(HeyiError, match="2026-W47"):
        week_called(name)


# --- the commands -----------------------------------------------------------------------------------------------------


def corpus() -> tuple[Example, ...]:
    city = load_city(JINJIANG)
    return tuple(
        Example(f"{at}{words}", code, "求助", city.is_emergency(code), False, f"{code}/{n % 8}")
        for code, words in WORDS.items()
        for n, at in enumerate(WHERE)
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HEYI_DATA", str(tmp_path / "var"))
    monkeypatch.setenv("HEYI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "var").mkdir()
    for module in ("heyi.triage_loop_command", "triage.learn.shelf"):
        monkeypatch.setattr(f"{module}.seed_corpus", lambda city: corpus())
    return Settings()


def fill(settings: Settings, rows: Sequence[TriageLabel], said: Sequence[Utterance] = ()) -> None:
    async def add(database: Database) -> None:
        async with database.work() as work:
            work.session.add_all([*rows, *said])

    with_database(settings, add)


def test_drift_as_json(site: Settings) -> None:
    fill(site, [label(1), label(2, changed=["code"], said_code="S0105")])
    told = CliRunner().invoke(app, ["drift", "--week", "2026-W47", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["week"], found["from"], found["tickets"]) == ("2026-W47", "2026-11-16", 2)
    (row,) = (r for r in found["rows"] if (r["kind"], r["measure"]) == ("line", "code"))
    assert (row["key"], row["now"]["hits"], row["now"]["of"]) == ("12345", 1, 2)
    assert found["confusions"] == [{"said": "S0105", "left": "S0103", "count": 1}]


def test_retrain_without_labels_says_so(site: Settings) -> None:
    told = CliRunner().invoke(app, ["retrain"])
    assert isinstance(told.exception, HeyiError) and "nothing to learn from" in str(told.exception)


def taught(code: str, text: str, count: int = 30) -> tuple[list[TriageLabel], list[Utterance]]:
    """Corrected calls, and what was said in them; some of them are kept aside."""
    rows = [
        label(n, code=code, emergency=code[0] == "E", nature="求助", changed=["code"], utterances=[f"u{n}"])
        for n in range(count)
    ]
    said = [
        Utterance(id=f"u{n}", call_id=f"c{n}", leg="caller", source="live", start_s=0, end_s=1, confidence=1,
                  text=f"{WHERE[n % 8]}{text}", raw="", at=row.at)
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return rows, said


def test_retrain_proposes_a_model_that_knows_more_and_takes_nothing_into_use(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heyi.triage_loop_command.fixed_cases", lambda city: ())
    fill(site, *taught("E101", "嗡嗡作响的蓝光"))
    told = CliRunner().invoke(app, ["retrain", "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    blank = LabelledCall(call_id="", number="", line="", turns=(), emergency=True, code="", nature="", corrected=True)
    aside = [n for n in range(30) if replace(blank, call_id=f"c{n}").aside]
    assert found["labels"] == 30 - len(aside) and not found["refused"]
    (own,) = (f for f in found["figures"] if (f["source"], f["measure"]) == ("own", "code"))
    assert own["before"]["hits"] > own["after"]["hits"] == 0 and own["after"]["of"] == len(aside) > 0
    assert not (site.data / "triage" / "model.npz").exists()

    async def state(database: Database) -> list[tuple[str, str]]:
        async with database.read() as session:
            return [(p.state, p.version) for p in await proposals(session)]

    assert with_database(site, state) == [("proposed", found["version"])]
    assert (site.data / "triage" / "models" / f"{found['version']}.npz").exists()


def test_retrain_refuses_a_model_that_was_taught_wrongly(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """People who file fires as street lamps: the regression set stands against what they teach."""
    rows = "id\tline\ttext\tis_emergency\tcode\tplace\tphone\tnature\ttags\n" + "".join(
        f"h{n}\t12345\t{at}这里冒黑烟往上窜\t1\tE101\t\t\t\t\n" for n, at in enumerate(WHERE)
    )
    path = site.data / "fixed.tsv"
    path.write_text(rows, encoding="utf-8")
    monkeypatch.setattr("triage.loop.cases.fixed_cases.__defaults__", (path,))
    fill(site, *taught("S0103", "冒黑烟往上窜", 200))
    told = CliRunner().invoke(app, ["retrain", "--json"])
    found = json.loads(told.stdout)
    assert (told.exit_code, found["refused"]) == (1, True)
    missed = next(f for f in found["figures"] if (f["source"], f["measure"]) == ("fixed", "missed"))
    assert set(missed["refused"]) == {f"h{n}" for n in range(8)}
    assert not (site.data / "triage" / "models" / f"{found['version']}.npz").exists()
